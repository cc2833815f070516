package front

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// faults are the rules in force, in sets that are put and cleared apart, so that tests
// that run side by side do not disturb each other. Its zero value is ready.
type faults struct {
	mu   sync.Mutex
	sets []*ruleSet
}

type ruleSet struct {
	name  string
	rules []*activeRule
}

// activeRule is a rule in force, and what it did so far.
type activeRule struct {
	Rule
	Seen int   `json:"seen"` // calls that matched
	Hits []Hit `json:"hits"`

	random *rand.Rand
}

// Hit is one call that met a fault.
type Hit struct {
	Operation string `json:"operation"`
	At        int64  `json:"at"` // Unix milliseconds
	// PID is the calling process, where the fault is about it.
	PID int `json:"pid,omitempty"`
	// Status is the HTTP status of the emulator's answer, once there is one.
	Status int `json:"status,omitempty"`
	// Error says why the fault could not be made.
	Error string `json:"error,omitempty"`
}

// drawn is a fault that one call meets.
type drawn struct {
	Rule
	note func(func(*Hit)) // what became of it
}

// wants tells whether a rule may be about an operation.
func (f *faults) wants(operation string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.sets, func(s *ruleSet) bool {
		return slices.ContainsFunc(s.rules, func(a *activeRule) bool { return a.about(operation) })
	})
}

// match returns the first fault that a call meets, or nil. A call counts as seen by
// every rule that it matches up to that one. What is in it are its path and its body;
// caller names the function that makes it, and is asked if a rule wants to know.
func (f *faults) match(operation string, caller func() string, parts ...string) *drawn {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, set := range f.sets {
		for _, a := range set.rules {
			if !a.about(operation) || !a.inside(parts) || !a.by(caller) || !a.draw() {
				continue
			}
			at := len(a.Hits)
			a.Hits = append(a.Hits, Hit{Operation: operation, At: time.Now().UnixMilli()})
			return &drawn{Rule: a.Rule, note: func(change func(*Hit)) {
				f.mu.Lock()
				defer f.mu.Unlock()
				change(&a.Hits[at])
			}}
		}
	}
	return nil
}

func (a *activeRule) about(operation string) bool {
	ok, _ := path.Match(a.Operation, operation) // validated
	return ok
}

func (a *activeRule) inside(parts []string) bool {
	return !slices.ContainsFunc(a.Contains, func(text string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(part, text) })
	})
}

func (a *activeRule) by(caller func() string) bool {
	return a.Function == "" || strings.Contains(caller(), a.Function)
}

// draw counts a call that matches and tells whether it meets the fault.
func (a *activeRule) draw() bool {
	a.Seen++
	if a.Seen <= a.Skip || a.Count > 0 && len(a.Hits) >= a.Count {
		return false
	}
	return a.Probability == 0 || a.random.Float64() < a.Probability
}

// put puts a set in force, in the place of the one of that name.
func (f *faults) put(name string, rules []Rule) error {
	set := &ruleSet{name: name}
	for i, r := range rules {
		if err := r.validate(); err != nil {
			return fmt.Errorf("rule %d: %w", i, err)
		}
		set.rules = append(set.rules, &activeRule{Rule: r, Hits: []Hit{}, random: rand.New(rand.NewPCG(r.Seed, uint64(i)))})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remove(name)
	f.sets = append(f.sets, set)
	return nil
}

// remove takes a set out of force. The caller holds the lock.
func (f *faults) remove(name string) {
	f.sets = slices.DeleteFunc(f.sets, func(s *ruleSet) bool { return s.name == name })
}

func (f *faults) servePut(w http.ResponseWriter, r *http.Request) {
	var rules []Rule
	err := decode(r.Body, &rules)
	if err == nil {
		err = f.put(r.PathValue("set"), rules)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveGet writes the rules of one set with what they did.
func (f *faults) serveGet(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	rules := []*activeRule{}
	for _, set := range f.sets {
		if set.name == r.PathValue("set") {
			rules = set.rules
		}
	}
	body, err := json.MarshalIndent(rules, "", "  ")
	f.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "%s\n", body)
}

func (f *faults) serveDelete(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.remove(r.PathValue("set"))
	f.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (f *faults) serveClear(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	f.sets = nil
	f.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}
