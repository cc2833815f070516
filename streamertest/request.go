package streamertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pay-theory/streamer"
)

// Request is one request of a test, over all its runs. Action and Handler are required. It
// serves one Run at a time, whose handler may use its Reporter and Files concurrently.
type Request[In, Out any] struct {
	Action  streamer.Action[In, Out]
	Handler streamer.Handler[In, Out]
	Payload In

	// ID, Tenant and User are whose it is. Defaults "01J8ZK3V9N4QW2RX7T5Y6M8ABC", "acme" and "ann".
	ID, Tenant, User string
	// ContinueAt is the Checkpoint of each run that ends it with streamer.ErrContinue, as one
	// does when the function's time is nearly used up: 1 is the first. Default none.
	ContinueAt int

	// Attempt is that of the last run.
	Attempt int
	// Reports are all that was said, of all runs, in order: a stage leaves out what comes too
	// often.
	Reports []Report
	// Completed says that the request has its result, null if the handler gave none.
	Completed bool
	Result    Out
	// Files are what was stored, by name.
	Files map[string][]byte
	// Saved is the state of the last Checkpoint, nil if there was none.
	Saved json.RawMessage
	// Effects are the results that Once keeps, by name.
	Effects map[string]json.RawMessage
	// HandedOver says that the last run made a ticket and left the end of the request to whoever has
	// it.
	HandedOver bool

	mu        sync.Mutex
	created   time.Time
	saves     int // of this run
	ticket    bool
	continued bool // the last run ended with streamer.ErrContinue
}

// Report is one call of Report, or of Step.
type Report struct {
	Percentage float64
	Message    string
	Step       bool
}

// Run runs the handler once, on the payload as it would come in, as JSON, and returns its error:
// before it runs, that of a payload that is refused. A context that is cancelled with a cause, such as
// streamer.ErrCancelled, is how the engine ends a handler early. Running a request that has
// completed is an error.
func (r *Request[In, Out]) Run(ctx context.Context) error {
	if r.Completed {
		return errors.New("streamertest: the request has completed")
	}
	payload, err := json.Marshal(r.Payload)
	if err != nil {
		return fmt.Errorf("streamertest: the payload is not JSON: %w", err)
	}
	r.begin()
	err = r.Action.Bind(r.Handler).Handle(streamer.WithKeeper(ctx, keeper[In, Out]{r}), &streamer.Request[json.RawMessage]{
		ID: r.ID, Action: r.Action.Name, Tenant: r.Tenant, User: r.User, Attempt: r.Attempt,
		CreatedAt: r.created, Deadline: r.created.Add(24 * time.Hour), Payload: payload, Files: files[In, Out]{r},
	}, sink[In, Out]{r})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.continued = errors.Is(err, streamer.ErrContinue)
	if err == nil && !r.Completed {
		r.HandedOver = r.ticket
		r.Completed = !r.ticket
	}
	return err
}

// begin makes what a run finds.
func (r *Request[In, Out]) begin() {
	if r.created.IsZero() {
		r.created = time.Now()
	}
	if r.Files == nil {
		r.Files = map[string][]byte{}
	}
	if r.Effects == nil {
		r.Effects = map[string]json.RawMessage{}
	}
	for _, name := range []struct {
		field   *string
		instead string
	}{{&r.ID, "01J8ZK3V9N4QW2RX7T5Y6M8ABC"}, {&r.Tenant, "acme"}, {&r.User, "ann"}} {
		if *name.field == "" {
			*name.field = name.instead
		}
	}
	if !r.continued {
		r.Attempt++
	}
	r.saves, r.ticket, r.HandedOver = 0, false, false
}
