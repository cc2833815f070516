package streamer

import (
	"fmt"
	"slices"
)

// Registry maps the names of actions to their entries.
type Registry struct {
	entries map[string]Entry
}

// NewRegistry holds the given actions and bindings. An error names the action and the
// setting that is wrong, or the name that two entries share.
func NewRegistry(entries ...Entry) (*Registry, error) {
	r := &Registry{entries: make(map[string]Entry, len(entries))}
	for _, e := range entries {
		spec := e.Spec()
		if err := spec.validate(); err != nil {
			return nil, err
		}
		if _, taken := r.entries[spec.Name]; taken {
			return nil, fmt.Errorf("action %q: declared twice", spec.Name)
		}
		r.entries[spec.Name] = e
	}
	return r, nil
}

// Lookup finds an action by its name.
func (r *Registry) Lookup(action string) (Entry, bool) {
	e, ok := r.entries[action]
	return e, ok
}

// Binding finds an action's implementation. It reports false for an action that is
// unknown, or declared here and implemented elsewhere.
func (r *Registry) Binding(action string) (Binding, bool) {
	b, ok := r.entries[action].(Binding)
	return b, ok
}

// Unbound lists, in order, the actions of one kind that have no implementation here.
// The router must have all sync ones, the processor all async ones.
func (r *Registry) Unbound(async bool) []string {
	var names []string
	for name, e := range r.entries {
		if _, bound := e.(Binding); !bound && e.Spec().Async == async {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
