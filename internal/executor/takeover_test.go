package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/ticket"
	"github.com/pay-theory/streamer/protocol"
)

const silence = time.Minute

// handsOver is a handler that leaves its ticket there.
func handsOver(made *string) streamer.Handler[json.RawMessage, json.RawMessage] {
	return func(ctx context.Context, _ request, rep reporter) (err error) {
		rep.Step(5, "started elsewhere")
		*made, err = streamer.HandOver(ctx, silence)
		return err
	}
}

// handedOver has a handler hand the request over, and returns the ticket.
func (r *rig) handedOver() (made string) {
	r.t.Helper()
	r.handler = handsOver(&made)
	r.wantDone(r.deliver("m1"))
	return made
}

// remote is the executor of another process, which a ticket was given to.
func (r *rig) remote(text string, h streamer.Handler[json.RawMessage, json.RawMessage]) (*executor.Executor, lifecycle.Ticket) {
	r.t.Helper()
	tick, err := ticket.Parse(text)
	if err != nil {
		r.t.Fatal(err)
	}
	e := *r.Executor
	e.Queue, e.Clocks = nil, executor.Clocks{Clocks: tick.Clocks}
	if e.Registry, err = streamer.NewRegistry(action{Name: tick.Action, Async: true}.Bind(h)); err != nil {
		r.t.Fatal(err)
	}
	return &e, tick.Ticket
}

// takes has another process take the attempt over, each time one of its own.
func (r *rig) takes(text string, h streamer.Handler[json.RawMessage, json.RawMessage]) error {
	return r.takesFor(r.t.Context(), text, h)
}

func (r *rig) takesFor(ctx context.Context, text string, h streamer.Handler[json.RawMessage, json.RawMessage]) error {
	e, tick := r.remote(text, h)
	r.mu.Lock()
	r.deliveries++
	owner := fmt.Sprint("remote-", r.deliveries)
	r.mu.Unlock()
	return e.TakeOver(ctx, tick, owner)
}

// reports has another process say how far it is, and go.
func (r *rig) reports(text string, percentage float64) error {
	e, tick := r.remote(text, nil)
	return e.Report(r.t.Context(), tick, "reporter", percentage, "at it")
}

func (r *rig) wantErr(got, want error) {
	r.t.Helper()
	if !errors.Is(got, want) || errors.Is(got, executor.ErrKeep) {
		r.t.Errorf("got error %v, want %v\n%s", got, want, r.log.String())
	}
}

// wantHanded checks that nobody but a ticket's holder has the request, for so long.
func (r *rig) wantHanded(fence int64, left time.Duration) {
	r.t.Helper()
	row := r.row()
	if row.Status != protocol.Processing || row.Handed == 0 || row.Fence != fence || row.Carrier != "" ||
		row.LeaseUntil != time.Now().Add(left).UnixMilli() || row.TTL != 0 || row.OpenShard == "" {
		r.t.Errorf("row %+v\n%s", row, r.log.String())
	}
}

func TestHandOver(t *testing.T) {
	play(t, "goes on elsewhere, as if it had never left", func(t *testing.T, r *rig) {
		made := r.handedOver()
		r.wantHanded(2, silence)
		r.wantFrames("5")
		time.Sleep(50 * time.Second)
		err := r.takes(made, func(ctx context.Context, req request, rep reporter) error {
			if req.ID != key.ID || req.Tenant != key.Tenant || req.User != "ann" || req.Attempt != 1 || string(req.Payload) != `{"n":1.10}` || req.Files == nil {
				t.Errorf("got %+v", req)
			}
			rep.Report(1, "less than before")
			time.Sleep(5 * time.Minute)
			rep.Report(60, "")
			time.Sleep(time.Second)
			return rep.Complete(json.RawMessage(`{"by":"remote"}`))
		})
		if err != nil {
			t.Fatal(err)
		}
		r.wantStatus(protocol.Completed, "")
		r.wantFrames("5", "5", "60", "complete")
		row := r.row()
		if row.Attempt != 1 || row.Fence != 3 || row.Seq < lifecycle.Seq(3, 1) || row.Result != `{"by":"remote"}` || row.Notice != "given" {
			t.Errorf("row %+v", row)
		}
		r.wantCounts(map[contract.Metric]int{
			contract.MetricHandedOver: 1, contract.MetricCompleted: 1, contract.MetricDuration: 1, contract.MetricQueueWait: 1,
		})
		r.wantDone(r.deliver("hint")) // which the end was
		r.wantFrames("5", "5", "60", "complete")
	})
	play(t, "in many processes, one after the other", func(t *testing.T, r *rig) {
		made := r.handedOver()
		for n := range 10 {
			time.Sleep(silence - time.Second)
			if err := r.reports(made, float64(10*n)); err != nil {
				t.Fatal(err)
			}
			r.wantHanded(int64(n+3), silence)
		}
		if row := r.row(); row.Percentage != 90 || row.Message != "at it" {
			t.Errorf("row %+v", row)
		}
		if err := r.takes(made, succeed(`1`)); err != nil {
			t.Fatal(err)
		}
		r.wantStatus(protocol.Completed, "")
		r.wantFrames("5", "5", "10", "20", "30", "40", "50", "60", "70", "80", "90", "complete")
	})
	play(t, "and who waits for it to be handed over is in time", func(t *testing.T, r *rig) {
		var made string
		taken := make(chan error, 1)
		r.handler = func(ctx context.Context, _ request, rep reporter) (err error) {
			if made, err = streamer.HandOver(ctx, silence); err != nil {
				return err
			}
			go func() { taken <- r.takes(made, succeed(`1`)) }() // a task that starts at once
			time.Sleep(20 * time.Second)
			rep.Report(1, "started")
			return nil
		}
		r.wantDone(r.deliver("m1"))
		if err := <-taken; err != nil {
			t.Fatal(err)
		}
		r.wantStatus(protocol.Completed, "")
		if row := r.row(); row.Attempt != 1 || row.Fence != 3 {
			t.Errorf("row %+v", row)
		}
		r.wantFrames("1", "complete")
	})
}

func TestSilence(t *testing.T) {
	play(t, "is the next attempt's turn", func(t *testing.T, r *rig) {
		var first, second string
		r.handler = handsOver(&first)
		r.wantDone(r.deliver("m1"))
		if err := r.reports(first, 50); err != nil {
			t.Fatal(err)
		}
		r.wantDone(r.deliver("another")) // a hint that comes too early
		time.Sleep(silence + time.Millisecond)
		if since, stale := lifecycle.Stale(r.row(), time.Now().Add(2*time.Minute)); !stale || time.Since(since) != time.Millisecond {
			t.Errorf("since %s, stale %v", since, stale)
		}
		r.handler = handsOver(&second)
		r.wantDone(r.deliver("m2"))
		if row := r.row(); row.Attempt != 2 || row.Handed != 4 || row.Percentage != 5 {
			t.Errorf("row %+v", row)
		}
		before := r.row()
		r.wantErr(r.reports(first, 99), streamer.ErrLost)
		r.wantErr(r.takes(first, succeed(`"stale"`)), streamer.ErrLost)
		if after := r.row(); after.Fence != before.Fence || after.Status != protocol.Processing {
			t.Errorf("a stale ticket made of %+v\n%+v", before, after)
		}
		if err := r.takes(second, succeed(`"fresh"`)); err != nil {
			t.Fatal(err)
		}
		if row := r.row(); row.Result != `"fresh"` || row.Attempt != 2 {
			t.Errorf("row %+v", row)
		}
		r.wantErr(r.takes(second, succeed(`"again"`)), streamer.ErrLost)
		r.wantFrames("5", "50", "5", "complete")
	})
	play(t, "of the last attempt is the end", func(t *testing.T, r *rig) {
		var made string
		r.handler = handsOver(&made)
		for n := range attempts {
			r.wantDone(r.deliver(fmt.Sprint("m", n)))
			time.Sleep(silence + time.Millisecond)
		}
		r.wantDone(r.deliver("m"))
		r.wantStatus(protocol.Failed, protocol.AttemptsExhausted)
		r.wantErr(r.takes(made, succeed(`1`)), streamer.ErrLost)
	})
	play(t, "of a worker that wakes up is for good", func(t *testing.T, r *rig) {
		made := r.handedOver()
		r.set(func() { // its pulses reach nobody
			r.before = func(u lifecycle.Update) error {
				if u.Name == "pulse" {
					return errNoAnswer
				}
				return nil
			}
		})
		var cause error
		r.wantErr(r.takes(made, until(&cause)), streamer.ErrLost)
		if !errors.Is(cause, streamer.ErrLost) {
			t.Errorf("its context ended with %v", cause)
		}
		if took := time.Since(r.began); took != silence {
			t.Errorf("it gave up after %s", took)
		}
	})
	play(t, "is broken by pulses alone", func(t *testing.T, r *rig) {
		made := r.handedOver()
		err := r.takes(made, func(ctx context.Context, _ request, rep reporter) error {
			time.Sleep(20 * time.Minute) // without a word, and far longer than the action may take
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return rep.Complete(json.RawMessage(`1`))
		})
		if err != nil {
			t.Fatal(err)
		}
		r.wantStatus(protocol.Completed, "")
	})
}

func TestTheNewestHolderHasIt(t *testing.T) {
	play(t, "and the one before writes and posts nothing", func(t *testing.T, r *rig) {
		made := r.handedOver()
		var cause error
		first := make(chan error, 1)
		go func() { first <- r.takes(made, until(&cause)) }()
		time.Sleep(time.Second)
		if err := r.takes(made, func(_ context.Context, _ request, rep reporter) error {
			time.Sleep(time.Minute)
			return rep.Complete(json.RawMessage(`"second"`))
		}); err != nil {
			t.Fatal(err)
		}
		r.wantErr(<-first, streamer.ErrLost)
		if row := r.row(); !errors.Is(cause, streamer.ErrLost) || row.Result != `"second"` || row.Attempt != 1 {
			t.Errorf("the first ended with %v, row %+v", cause, row)
		}
		r.wantFrames("5", "complete")
	})
}

func TestHandedOverAndStopped(t *testing.T) {
	play(t, "while nobody has it: the next to take it ends it", func(t *testing.T, r *rig) {
		made := r.handedOver()
		r.cancel()
		if err := r.takes(made, func(context.Context, request, reporter) error { t.Error("it ran"); return nil }); err != nil {
			t.Fatal(err)
		}
		r.wantStatus(protocol.Cancelled, "")
		r.wantFrames("5", "cancelled")
		r.wantErr(r.takes(made, succeed(`1`)), streamer.ErrCancelled)
	})
	play(t, "between two reports: the next one ends it", func(t *testing.T, r *rig) {
		made := r.handedOver()
		if err := r.reports(made, 30); err != nil {
			t.Fatal(err)
		}
		r.cancel()
		r.wantErr(r.reports(made, 60), streamer.ErrCancelled)
		r.wantStatus(protocol.Cancelled, "")
		r.wantFrames("5", "30", "cancelled")
		r.wantErr(r.reports(made, 70), streamer.ErrCancelled)
	})
	play(t, "while it runs: its context ends", func(t *testing.T, r *rig) {
		made := r.handedOver()
		time.AfterFunc(20*time.Second, r.cancel)
		var cause error
		if err := r.takes(made, until(&cause)); err != nil || !errors.Is(cause, streamer.ErrCancelled) {
			t.Errorf("got %v, %v", err, cause)
		}
		r.wantStatus(protocol.Cancelled, "")
		r.wantFrames("5", "cancelled")
	})
	play(t, "and nobody ever takes it", func(t *testing.T, r *rig) {
		r.handedOver()
		r.cancel()
		time.Sleep(silence + time.Millisecond)
		r.wantDone(r.deliver("m2"))
		r.wantStatus(protocol.Cancelled, "")
		r.wantFrames("5", "cancelled")
	})
	play(t, "by its deadline", func(t *testing.T, r *rig) {
		r.accept(func(s *lifecycle.Submission) { s.Deadline = 10 * time.Minute })
		made := r.handedOver()
		var cause error
		if err := r.takes(made, until(&cause)); err != nil || !errors.Is(cause, streamer.ErrDeadline) || time.Since(r.began) != 10*time.Minute {
			t.Errorf("got %v, %v after %s", err, cause, time.Since(r.began))
		}
		r.wantStatus(protocol.Failed, protocol.Deadline)
	})
	play(t, "with its process", func(t *testing.T, r *rig) {
		made := r.handedOver()
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		var cause error
		if err := r.takesFor(ctx, made, until(&cause)); err != nil || !errors.Is(cause, context.Canceled) {
			t.Errorf("got %v, %v", err, cause)
		}
		r.wantStatus(protocol.Retrying, protocol.Internal)
		r.wantFrames("5", "retrying")
		r.handler = succeed(`"here"`)
		r.wantDone(r.deliver("hint")) // at once
		r.wantStatus(protocol.Completed, protocol.Internal)
	})
	play(t, "with its process, which says why", func(t *testing.T, r *rig) {
		made := r.handedOver()
		ctx, stop := context.WithCancelCause(t.Context())
		why := errors.New("the machine is needed elsewhere")
		time.AfterFunc(time.Second, func() { stop(why) })
		var cause error
		if err := r.takesFor(ctx, made, until(&cause)); err != nil || !errors.Is(cause, why) {
			t.Errorf("got %v, %v", err, cause)
		}
		r.wantStatus(protocol.Retrying, protocol.Internal)
	})
	play(t, "with the process of its last attempt", func(t *testing.T, r *rig) {
		r.accept(func(s *lifecycle.Submission) { s.MaxAttempts = 1 })
		made := r.handedOver()
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		var cause error
		r.wantErr(r.takesFor(ctx, made, until(&cause)), context.Canceled)
		if row := r.row(); row.Status != protocol.Processing {
			t.Errorf("row %+v", row)
		}
	})
}

func TestRemoteFailures(t *testing.T) {
	play(t, "are tried again by the handler, after a wait that its hint keeps", func(t *testing.T, r *rig) {
		made := r.handedOver()
		if err := r.takes(made, fail(streamer.Retryable(errors.New("a disk is full"), 10*time.Second))); err != nil {
			t.Fatal(err)
		}
		row := r.row()
		if row.Status != protocol.Retrying || row.Code != protocol.Internal || row.Notice != "due" || row.NextAt != time.Now().Add(10*time.Second).UnixMilli() {
			t.Errorf("row %+v", row)
		}
		r.wantErr(r.takes(made, succeed(`1`)), streamer.ErrLost)
		r.wantKept(r.deliver("hint"))
		r.wantBack(10 * time.Second)
		time.Sleep(10 * time.Second)
		r.handler = succeed(`"here"`)
		r.wantDone(r.deliver("hint"))
		if row := r.row(); row.Attempt != 2 || row.Result != `"here"` || row.Handed != 0 || row.Notice != "" {
			t.Errorf("row %+v", row)
		}
		r.wantFrames("5", "retrying", "complete")
	})
	play(t, "that are final end it", func(t *testing.T, r *rig) {
		made := r.handedOver()
		if err := r.takes(made, fail(streamer.Errorf("BAD_VIDEO", "no video"))); err != nil {
			t.Fatal(err)
		}
		r.wantStatus(protocol.Failed, "BAD_VIDEO")
		r.wantFrames("5", "failed")
	})
	play(t, "of the start are the handler's", func(t *testing.T, r *rig) {
		var made string
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			if err := handsOver(&made)(ctx, req, rep); err != nil {
				return err
			}
			return errors.New("no capacity")
		}
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Retrying, protocol.Internal)
		if row := r.row(); row.Handed != 0 || row.Carrier != "m1" {
			t.Errorf("row %+v", row)
		}
		r.wantErr(r.takes(made, succeed(`1`)), streamer.ErrLost)
	})
}

func TestHandOverIsNotForEverybody(t *testing.T) {
	play(t, "who completes keeps it", func(t *testing.T, r *rig) {
		var made string
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			if err := handsOver(&made)(ctx, req, rep); err != nil {
				return err
			}
			if err := rep.Complete(json.RawMessage(`"here"`)); err != nil {
				return err
			}
			if _, err := streamer.HandOver(ctx, 0); err == nil {
				t.Error("handed over after its end")
			}
			return nil
		}
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Completed, "")
		r.wantErr(r.takes(made, succeed(`1`)), streamer.ErrLost)
	})
	play(t, "nor once more", func(t *testing.T, r *rig) {
		made := r.handedOver()
		if err := r.takes(made, func(ctx context.Context, _ request, rep reporter) error {
			if _, err := streamer.HandOver(ctx, 0); err == nil {
				t.Error("what was handed over is handed over")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		r.wantStatus(protocol.Completed, "")
	})
}

// Answers are lost, and nothing happens twice.
func TestHandOverUnheard(t *testing.T) {
	for _, write := range []string{"hand over", "take over", "complete", "told"} {
		play(t, write, func(t *testing.T, r *rig) {
			r.set(func() { r.after = named(write, 1, errNoAnswer) })
			made := r.handedOver()
			err := r.takes(made, succeed(`1`))
			if write == "take over" { // the SDK asks again, and so does whoever has the ticket
				if !errors.Is(err, errNoAnswer) {
					t.Errorf("got %v", err)
				}
				err = r.takes(made, succeed(`1`))
			}
			if err != nil {
				t.Fatal(err)
			}
			r.wantStatus(protocol.Completed, "")
			r.wantDone(r.deliver("hint"))
			r.wantFrames("5", "complete")
		})
	}
	play(t, "a take that was repeated is one's own", func(t *testing.T, r *rig) {
		made := r.handedOver()
		e, tick := r.remote(made, succeed(`1`))
		e.Requests = repeating{e.Requests}
		if err := e.TakeOver(t.Context(), tick, "me"); err != nil {
			t.Fatal(err)
		}
		if row := r.row(); row.Status != protocol.Completed || row.Fence != 3 {
			t.Errorf("row %+v", row)
		}
	})
}

// A process that ends the request and dies before it has told anybody.
func TestWhoIsToldByAHint(t *testing.T) {
	play(t, "everyone, by whatever message comes", func(t *testing.T, r *rig) {
		made := r.handedOver()
		r.set(func() { r.fate["c"] = streamer.ErrThrottled })
		if err := r.takes(made, succeed(`1`)); err != nil {
			t.Fatal(err)
		}
		if row := r.row(); row.Status != protocol.Completed || row.Notice != "due" {
			t.Errorf("row %+v", row)
		}
		r.wantKept(r.deliver("hint"))
		r.wantBack(30 * time.Second)
		r.set(func() { r.fate["c"] = nil })
		r.wantDone(r.deliver("hint"))
		r.wantFrames("5", "complete")
		if row := r.row(); row.Notice != "given" || row.Reposts != 1 {
			t.Errorf("row %+v", row)
		}
		r.wantDone(r.deliver("late"))
		r.wantFrames("5", "complete")
	})
}

func TestCheckpointsOfARemote(t *testing.T) {
	play(t, "are the next attempt's", func(t *testing.T, r *rig) {
		made := r.handedOver()
		if err := r.takes(made, func(ctx context.Context, _ request, rep reporter) error {
			if err := streamer.Checkpoint(ctx, 7); err != nil {
				return err
			}
			return errors.New("oh")
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		r.handler = func(ctx context.Context, _ request, rep reporter) error {
			if at, found, err := streamer.Restore[int](ctx); at != 7 || !found || err != nil {
				t.Errorf("restored %d, %v, %v", at, found, err)
			}
			return nil
		}
		r.wantDone(r.deliver("hint"))
	})
	play(t, "give a function's time back", func(t *testing.T, r *rig) {
		var made string
		runs := 0
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			runs++
			return handsOver(&made)(ctx, req, rep)
		}
		r.wantDone(r.deliver("m1"))
		ctx, cancel := context.WithTimeout(t.Context(), functionTime)
		defer cancel()
		if err := r.takesFor(ctx, made, yields(7)); err != nil {
			t.Fatal(err)
		}
		if row := r.row(); !row.Continued() || row.Attempt != 1 {
			t.Errorf("row %+v", row)
		}
		r.wantErr(r.reports(made, 1), streamer.ErrLost)
		r.wantDone(r.deliver("m2"))
		if row := r.row(); row.Attempt != 1 || runs != 2 || row.Status != protocol.Processing || row.Handed == 0 {
			t.Errorf("%d runs, row %+v", runs, row)
		}
		if err := r.takes(made, succeed(`1`)); err != nil {
			t.Fatal(err)
		}
		r.wantStatus(protocol.Completed, "")
	})
}

// repeating makes each take twice, as the SDK does after an answer that was lost.
type repeating struct{ store.Requests }

func (s repeating) Update(ctx context.Context, key lifecycle.Key, u lifecycle.Update) (lifecycle.Row, error) {
	if u.Name == "take over" {
		if _, err := s.Requests.Update(ctx, key, u); err != nil {
			return lifecycle.Row{}, err
		}
	}
	return s.Requests.Update(ctx, key, u)
}
