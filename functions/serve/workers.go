package serve

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/queue"
)

// declared tells of an action that a worker names and the router does not have. The
// worker would never see a request, and nobody why.
func declared(workers queue.Workers, registry *streamer.Registry) error {
	for _, name := range slices.Sorted(maps.Keys(workers)) {
		for _, action := range workers[name].Actions {
			switch entry, known := registry.Lookup(action); {
			case !known:
				return fmt.Errorf("worker %s: action %s is not declared in the router", name, action)
			case !entry.Spec().Async:
				return fmt.Errorf("worker %s: action %s is sync: the router does it", name, action)
			}
		}
	}
	return nil
}

// bound tells of an action that a processor is to do and cannot. name is its worker's,
// empty for the processor of all actions that no worker names.
func bound(workers queue.Workers, name string, registry *streamer.Registry) error {
	if name == "" {
		missing := slices.DeleteFunc(registry.Unbound(true), func(action string) bool { return workers.Of(action) != "" })
		if len(missing) > 0 {
			return fmt.Errorf("async actions without a handler in the processor: %s", strings.Join(missing, ", "))
		}
		return nil
	}
	worker, known := workers[name]
	if !known {
		return fmt.Errorf("worker %s is not among those of %s", name, contract.EnvWorkers)
	}
	for _, action := range worker.Actions {
		if _, ok := registry.Binding(action); !ok {
			return fmt.Errorf("worker %s: action %s has no handler in its processor", name, action)
		}
	}
	return nil
}
