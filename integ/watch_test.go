package integ_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// notice is how long a running request may take to know that a watcher left: three
// times the default clocks' pulse.
const notice = 6 * time.Second

func TestSubscribeInTheMiddle(t *testing.T) {
	t.Parallel()
	u := fresh()
	first, second := dial(t, u), dial(t, u)
	id := first.submit(t, "echo_async", echoAsync{"for two", 10_000, 20})
	first.progress(t, id)

	f := second.about(t, protocol.ActionSubscribe, id)
	subscribed := as[protocol.Subscribed](t, f)
	if subscribed.RequestID != id || subscribed.Status != protocol.Processing || subscribed.Attempt != 1 {
		t.Errorf("got %s", f.raw)
	}
	if p := second.progress(t, id); p.Seq <= subscribed.Seq || p.Percentage < subscribed.Percentage || p.Percentage == 100 {
		t.Errorf("progress %+v after %s", p, f.raw)
	}
	sameEnd(t, first.end(t, id), second.end(t, id))
	var seq int64
	for _, f := range second.of(id) {
		if f.Seq <= seq && f.Type() != protocol.TypeSubscribed {
			t.Errorf("out of order after %d: %s", seq, f.raw)
		}
		seq = f.Seq
	}
}

func TestSubscribeAfterTheEnd(t *testing.T) {
	t.Parallel()
	u := fresh()
	first, late := dial(t, u), dial(t, u)
	id := first.submit(t, "echo_async", echoAsync{"over", 0, 1})
	end := first.end(t, id)

	// The answer is posted before the terminal frame is returned; an account may still
	// swap them, so the message's id and not the order tells which is which.
	sent := late.send(t, protocol.Message{Action: protocol.ActionSubscribe, RequestID: id})
	f := late.wait(t, "subscribed", func(f frame) bool { return f.ID == sent })
	if s := as[protocol.Subscribed](t, f); s.Status != protocol.Completed || s.Percentage != 100 || s.Seq >= end.Seq {
		t.Errorf("got %s, the terminal seq is %d", f.raw, end.Seq)
	}
	sameEnd(t, end, late.end(t, id))

	// The submitter may ask again, and gets the same again.
	first.about(t, protocol.ActionSubscribe, id)
	settle(t, first)
	for _, f := range first.of(id) {
		if f.Type().Terminal() {
			sameEnd(t, end, f)
		}
	}
}

// sameEnd fails the test unless two terminal frames say the same.
func sameEnd(t *testing.T, one, other frame) {
	t.Helper()
	a, b := as[protocol.Complete](t, one), as[protocol.Complete](t, other)
	a.TS, b.TS = 0, 0 // when a frame was made
	if !reflect.DeepEqual(a, b) {
		t.Errorf("two ends of one request:\n%s\n%s", one.raw, other.raw)
	}
}

func TestUnsubscribeStopsFrames(t *testing.T) {
	t.Parallel()
	u := fresh()
	c, witness := dial(t, u), dial(t, u)
	id := c.submit(t, "echo_async", echoAsync{"no more", 12_000, 48})
	c.progress(t, id)
	f := c.about(t, protocol.ActionUnsubscribe, id)
	if as[protocol.Unsubscribed](t, f).RequestID != id {
		t.Errorf("got %s", f.raw)
	}
	left := f.at
	if end := ended(t, witness, id); end.Status != protocol.Completed {
		t.Errorf("got %+v", end)
	}
	settle(t, c)
	for _, f := range c.of(id) {
		if f.Type().Terminal() || f.at.After(left.Add(notice)) {
			t.Errorf("%s after unsubscribing: %s", f.at.Sub(left), f.raw)
		}
	}
	// Leaving twice is no error.
	as[protocol.Unsubscribed](t, c.about(t, protocol.ActionUnsubscribe, id))
}

func TestWatchersAreLimited(t *testing.T) {
	t.Parallel()
	u := fresh()
	c := dial(t, u)
	id := c.submit(t, "echo_async", echoAsync{"a crowd", 60_000, 6})
	crowd := crowd(t, u, protocol.MaxWatchers)
	for _, w := range crowd[1:] {
		as[protocol.Subscribed](t, w.about(t, protocol.ActionSubscribe, id))
	}
	as[protocol.Subscribed](t, crowd[1].about(t, protocol.ActionSubscribe, id)) // it watches already
	refused(t, crowd[0].about(t, protocol.ActionSubscribe, id), protocol.TooManyWatchers)
	as[protocol.Unsubscribed](t, crowd[1].about(t, protocol.ActionUnsubscribe, id))
	as[protocol.Subscribed](t, crowd[0].about(t, protocol.ActionSubscribe, id))
	cancel(t, c, id)
	for _, w := range append(crowd[2:], crowd[0], c) {
		as[protocol.CancelledFrame](t, w.end(t, id))
	}
}

func TestCancelOfARunningRequest(t *testing.T) {
	t.Parallel()
	u := fresh()
	c, other := dial(t, u), dial(t, u)
	id := c.submit(t, "echo_async", echoAsync{"never", 120_000, 240})
	c.progress(t, id)
	// Whoever cancels need not watch: the answer is the request as it runs.
	f := other.about(t, protocol.ActionCancel, id)
	if r := as[protocol.Request](t, f); r.Status != protocol.Processing || r.RequestID != id {
		t.Errorf("got %s", f.raw)
	}
	as[protocol.CancelledFrame](t, c.end(t, id))
	if r := as[protocol.Request](t, other.about(t, protocol.ActionGet, id)); r.Status != protocol.Cancelled || r.Result != nil || r.EndedAt == 0 {
		t.Errorf("streamer.get says %+v", r)
	}
	// Again is harmless, and nothing comes after the end.
	if r := as[protocol.Request](t, other.about(t, protocol.ActionCancel, id)); r.Status != protocol.Cancelled {
		t.Errorf("cancelled twice: %+v", r)
	}
	settle(t, c)
	frames := c.of(id)
	if end := frames[len(frames)-1]; end.Type() != protocol.TypeCancelled {
		t.Errorf("after the end: %s", end.raw)
	}
}

// A request that waits is ended by the router, one that runs by whoever runs it. At once
// after its acceptance it may be either, and it ends the same.
func TestCancelAtOnce(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	var ids []string
	for range 20 {
		id := c.submit(t, "echo_async", echoAsync{"never", 60_000, 60})
		cancel(t, c, id)
		ids = append(ids, id)
	}
	for _, id := range ids {
		as[protocol.CancelledFrame](t, c.end(t, id))
	}
	settle(t, c)
	for _, id := range ids {
		r := as[protocol.Request](t, c.about(t, protocol.ActionGet, id))
		if r.Status != protocol.Cancelled {
			t.Errorf("streamer.get says %+v", r)
		}
		// A terminal frame comes at least once; a client knows a second one by its seq.
		for _, f := range c.of(id) {
			if f.Type().Terminal() && (f.Type() != protocol.TypeCancelled || f.Seq != r.Seq+1) || f.Type() == protocol.TypeProgress && f.Seq > r.Seq {
				t.Errorf("stands at seq %d, but got %s", r.Seq, f.raw)
			}
		}
	}
}

// cancel asks for the end of a request. The answer is the request while it runs, and its
// terminal frame if it waited.
func cancel(t *testing.T, c *client, requestID string) {
	t.Helper()
	sent := c.send(t, protocol.Message{Action: protocol.ActionCancel, RequestID: requestID})
	f := c.wait(t, "the answer to streamer.cancel", func(f frame) bool {
		return f.ID == sent
	})
	if f.Type() != protocol.TypeCancelled {
		as[protocol.Request](t, f)
	}
}

func TestCancelAfterTheEndChangesNothing(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	id := c.submit(t, "echo_async", echoAsync{"done", 0, 1})
	c.end(t, id)
	if r := as[protocol.Request](t, c.about(t, protocol.ActionCancel, id)); r.Status != protocol.Completed || string(r.Result) != `{"message":"done"}` {
		t.Errorf("got %+v", r)
	}
}

func TestRequestIDMayStandInThePayload(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	id := c.submit(t, "echo_async", echoAsync{"x", 0, 1})
	c.end(t, id)
	for _, action := range []string{protocol.ActionGet, protocol.ActionUnsubscribe, protocol.ActionCancel, protocol.ActionSubscribe} {
		f := c.ask(t, protocol.Message{Action: action, Payload: object(t, map[string]string{"request_id": id})})
		if f.RequestID != id {
			t.Errorf("%s: %s", action, f.raw)
		}
	}
}
