package integ_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/backend"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
)

// service is the stage as a program of the same account reaches it, without a socket.
func service(t *testing.T) *backend.Backend {
	t.Helper()
	outputs := outputsOf(t)
	b, err := backend.New(backend.Config{
		AWS: asRole(t, serviceRole), RequestsTable: outputs[contract.OutputRequestsTable], FilesBucket: outputs[contract.OutputFilesBucket],
	}, handlers.EchoAsync, handlers.HandOver, handlers.GenerateReport)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// echoes is the payload of echo_async, as a service has it.
func echoes(message string, ms, steps int) handlers.EchoAsyncIn {
	return handlers.EchoAsyncIn{Message: message, DurationMS: &ms, Steps: &steps}
}

// A service submits, a processor works, the service watches, and so does its user's own
// client.
func TestServiceSubmitsAndWatches(t *testing.T) {
	t.Parallel()
	u := fresh()
	ann := service(t).As(u.tenant, u.name)
	c := dial(t, u)
	run, err := backend.Submit(t.Context(), ann, handlers.EchoAsync, echoes("<from & a service>", 3000, 6), nil)
	if err != nil {
		t.Fatal(err)
	}
	as[protocol.Subscribed](t, c.about(t, protocol.ActionSubscribe, run.ID()))
	var percentages []float64
	var last protocol.Request
	for state, err := range run.Updates(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		last = state
		percentages = append(percentages, state.Percentage)
	}
	if last.Status != protocol.Completed || len(percentages) < 3 || !slices.IsSorted(percentages) || percentages[0] != 0 || percentages[len(percentages)-1] != 100 {
		t.Errorf("the percentages were %v, the end %+v", percentages, last)
	}
	if out, err := run.Result(t.Context()); err != nil || out.Message != "<from & a service>" {
		t.Errorf("got %+v, %v", out, err)
	}
	c.progress(t, run.ID())
	as[protocol.Complete](t, c.end(t, run.ID()))
}

// A payload and a result that fit into no row, and a result with a link.
func TestServiceCarriesWhatIsLarge(t *testing.T) {
	t.Parallel()
	u := fresh()
	ann := service(t).As(u.tenant, u.name)
	for name, size := range map[string]int{"an item": 1000, "an object": 30_000, "almost the largest": protocol.MaxUpload - 1000} {
		message := filled(t, size)
		run, err := backend.Submit(t.Context(), ann, handlers.EchoAsync, echoes(message, 0, 1), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if out, err := run.Result(t.Context()); err != nil || out.Message != message {
			t.Errorf("%s: %d bytes came back of %d, %v", name, len(out.Message), len(message), err)
		}
	}
	day := today("csv")
	run, err := backend.Submit(t.Context(), ann, handlers.GenerateReport, handlers.ReportIn{StartDate: day.StartDate, EndDate: day.EndDate, Format: "csv"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	report, err := run.Result(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if body := download(t, report.URL); int64(len(body)) != report.Size {
		t.Errorf("%d bytes are behind the link of %+v", len(body), report)
	}
}

// One key is one request, whichever way it comes in, and first.
func TestSameKeyOverSocketAndService(t *testing.T) {
	t.Parallel()
	u := fresh()
	b := service(t)
	ann, c := b.As(u.tenant, u.name), dial(t, u)
	in := echoes("once", 500, 2)
	key := &backend.SubmitOptions{IdempotencyKey: "order 4711 ~"}
	m := protocol.Message{Action: "echo_async", IdempotencyKey: key.IdempotencyKey, Payload: object(t, in)}

	first := as[protocol.Accepted](t, c.ask(t, m))
	run, err := backend.Submit(t.Context(), ann, handlers.EchoAsync, in, key)
	if err != nil || run.ID() != first.RequestID || !run.Duplicate() || first.Duplicate {
		t.Fatalf("over the socket %+v, then %+v, %v", first, run, err)
	}
	if out, err := run.Result(t.Context()); err != nil || out.Message != "once" {
		t.Errorf("got %+v, %v", out, err)
	}
	_, err = backend.Submit(t.Context(), ann, handlers.EchoAsync, echoes("twice", 500, 2), key)
	if e, ok := streamer.AsError(err); !ok || e.Code != protocol.IdempotencyMismatch {
		t.Errorf("another payload: %v", err)
	}
	if other, err := backend.Submit(t.Context(), b.As(u.tenant, "bob"), handlers.EchoAsync, in, key); err != nil || other.Duplicate() {
		t.Errorf("another user's: %+v, %v", other, err)
	}

	key.IdempotencyKey, m.IdempotencyKey = "the other way round", "the other way round"
	if run, err = backend.Submit(t.Context(), ann, handlers.EchoAsync, in, key); err != nil || run.Duplicate() {
		t.Fatalf("got %+v, %v", run, err)
	}
	if again := as[protocol.Accepted](t, c.ask(t, m)); !again.Duplicate || again.RequestID != run.ID() {
		t.Errorf("over the socket %+v", again)
	}
	as[protocol.Complete](t, c.end(t, run.ID()))

	// At once.
	key.IdempotencyKey, m.IdempotencyKey, m.ID = "race", "race", "race"
	var mu sync.Mutex
	ids, begun := map[string]int{}, 0
	saw := func(id string, duplicate bool) {
		mu.Lock()
		defer mu.Unlock()
		if ids[id]++; !duplicate {
			begun++
		}
	}
	clients := crowd(t, u, 4)
	var submitting sync.WaitGroup
	for _, c := range clients {
		c.send(t, m)
		submitting.Go(func() {
			run, err := backend.Submit(t.Context(), ann, handlers.EchoAsync, in, key)
			if err != nil {
				t.Error(err)
				return
			}
			saw(run.ID(), run.Duplicate())
		})
	}
	for _, c := range clients {
		a := as[protocol.Accepted](t, c.wait(t, "accepted", func(f frame) bool { return f.ID == "race" }))
		saw(a.RequestID, a.Duplicate)
	}
	submitting.Wait()
	if len(ids) != 1 || begun != 1 {
		t.Errorf("%d were first, ids %v", begun, ids)
	}
	for id := range ids {
		for _, c := range clients {
			as[protocol.Complete](t, c.end(t, id))
		}
	}
}

func TestServiceCancels(t *testing.T) {
	t.Parallel()
	u := fresh()
	b := service(t)
	c := dial(t, u)
	id := c.submit(t, "echo_async", echoAsync{"long", 150_000, 150})
	c.progress(t, id)
	if _, err := b.As(u.tenant, "bob").Cancel(t.Context(), id); !isNotFound(err) {
		t.Errorf("another user's: %v", err)
	}
	run, err := backend.Watch[handlers.EchoAsyncOut](t.Context(), b.As(u.tenant, u.name), id)
	if err != nil {
		t.Fatal(err)
	}
	if state, err := run.Cancel(t.Context()); err != nil || state.Status != protocol.Processing {
		t.Errorf("got %+v, %v", state, err)
	}
	if _, err := run.Result(t.Context()); !errors.Is(err, streamer.ErrCancelled) {
		t.Errorf("got %v", err)
	}
	as[protocol.CancelledFrame](t, c.end(t, id))
}

func isNotFound(err error) bool {
	e, ok := streamer.AsError(err)
	return ok && e.Code == protocol.NotFound
}
