package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/pay-theory/streamer/internal/contract"
)

// Workers are those that have a queue of their own, by their names.
type Workers map[string]contract.Worker

// ParseWorkers reads the value of contract.EnvWorkers; an empty one has none. An error
// names the worker that is wrong.
func ParseWorkers(text string) (Workers, error) {
	if text == "" {
		return nil, nil
	}
	var w Workers
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return nil, fmt.Errorf("read workers: %w", err)
	}
	by := map[string]string{}
	for name, worker := range w {
		if name == "" || worker.Queue == "" || len(worker.Actions) == 0 {
			return nil, fmt.Errorf("read workers: worker %q: a name, actions and a queue are needed", name)
		}
		for _, action := range worker.Actions {
			if other, taken := by[action]; taken {
				return nil, fmt.Errorf("read workers: %s is an action of %s and of %s", action, min(name, other), max(name, other))
			}
			by[action] = name
		}
	}
	return w, nil
}

// Of is the name of the worker that does an action, empty for what none of them names.
func (w Workers) Of(action string) string {
	for name, worker := range w {
		if slices.Contains(worker.Actions, action) {
			return name
		}
	}
	return ""
}

// Queues are the queues of the workers, with rest for what none of them names.
func (w Workers) Queues(rest Work) Queues {
	q := Queues{rest: rest, of: map[string]Work{}}
	for _, worker := range w {
		for _, action := range worker.Actions {
			q.of[action] = Work{Client: rest.Client, URL: worker.Queue}
		}
	}
	return q
}

// Queues are all work queues. Workers.Queues makes them.
type Queues struct {
	rest Work
	of   map[string]Work // by action
}

// Send puts each hint into the queue of its action. One that takes none holds up no
// other. An error means that some may not be there; sending all again is harmless.
func (q Queues) Send(ctx context.Context, hints []Hint) error {
	var order []Work
	by := map[Work][]Hint{}
	for _, h := range hints {
		work, named := q.of[h.Action]
		if !named {
			work = q.rest
		}
		if by[work] == nil {
			order = append(order, work)
		}
		by[work] = append(by[work], h)
	}
	var failed error
	for _, work := range order {
		failed = errors.Join(failed, work.Send(ctx, by[work]))
	}
	return failed
}
