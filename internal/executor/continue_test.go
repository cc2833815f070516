package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// ticks works for so many seconds and saves after each. done counts them over all runs.
func ticks(total int, done *int) streamer.Handler[json.RawMessage, json.RawMessage] {
	return func(ctx context.Context, _ request, rep reporter) error {
		at, _, err := streamer.Restore[int](ctx)
		if err != nil {
			return err
		}
		for at < total {
			time.Sleep(time.Second)
			at++
			*done++
			rep.Report(float64(at), "")
			if err := streamer.Checkpoint(ctx, at); err != nil {
				return fmt.Errorf("at %d: %w", at, err)
			}
		}
		return rep.Complete(json.RawMessage(fmt.Sprint(at)))
	}
}

// yields works so long that another step of that length would not fit into functionTime.
func yields(state any) streamer.Handler[json.RawMessage, json.RawMessage] {
	return func(ctx context.Context, req request, rep reporter) error {
		time.Sleep(20 * time.Second)
		return streamer.Checkpoint(ctx, state)
	}
}

const functionTime = 40 * time.Second // 30 of them for the work

func (r *rig) wantContinued(err error, attempt, continuations int) {
	r.t.Helper()
	r.wantDone(err)
	row := r.row()
	if !row.Continued() || row.Attempt != attempt || row.Continuations != continuations || row.LeaseUntil != 0 || row.Carrier != "" ||
		row.ContinuedAt == 0 || row.OpenShard == "" || row.TTL != 0 {
		r.t.Errorf("row %+v\n%s", row, r.log.String())
	}
}

func TestContinue(t *testing.T) {
	play(t, "over as many functions as it takes", func(t *testing.T, r *rig) {
		done := 0
		r.handler = ticks(100, &done)
		for run := 1; run <= 3; run++ {
			began := time.Now()
			r.wantContinued(r.invoke(fmt.Sprint("m", run), functionTime), 1, run)
			if took := time.Since(began); took != 27*time.Second || done != 27*run {
				t.Errorf("run %d took %s and got to %d", run, took, done)
			}
			shown, err := view.Request(t.Context(), r.row(), protocol.Answer{}, files{r})
			if err != nil || shown.Status != protocol.Pending || shown.Attempt != 1 || shown.Percentage != float64(done) || shown.StartedAt != r.began.UnixMilli() {
				t.Errorf("shown as %+v, err %v", shown, err)
			}
			time.Sleep(time.Second)
		}
		r.wantDone(r.invoke("m4", functionTime))
		r.wantStatus(protocol.Completed, "")
		row := r.row()
		if done != 100 || row.Result != "100" || row.Attempt != 1 || row.Fence != 4 || row.Continuations != 3 || row.ContinuedAt != 0 || row.Carrier != "m4" {
			t.Errorf("%d done, row %+v", done, row)
		}
		counts := ended(contract.MetricCompleted) // one wait in the queue, too
		counts[contract.MetricContinued] = 3
		r.wantCounts(counts)
		want := make([]string, 100)
		for i := range want {
			want[i] = fmt.Sprint(i + 1)
		}
		r.wantFrames(append(want, "complete")...)
		for _, f := range r.frames["c"][:100] {
			if f.(protocol.Progress).Attempt != 1 {
				t.Errorf("frame %+v", f)
			}
		}
	})
	play(t, "percentages do not fall, in frames or in the row", func(t *testing.T, r *rig) {
		first := true
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			if first {
				first = false
				rep.Report(50, "half")
				rep.Report(60, "more")
				return yields(1)(ctx, req, rep)
			}
			time.Sleep(clocks.PulseIdle + time.Second)
			if row := r.row(); row.Percentage != 60 || row.Message != "more" || row.Seq != lifecycle.Seq(2, 0) {
				t.Errorf("an idle pulse left %+v", row)
			}
			rep.Report(10, "from the start of this run")
			return nil
		}
		r.wantContinued(r.invoke("m1", functionTime), 1, 1)
		if row := r.row(); row.Percentage != 60 || row.Message != "more" || row.Seq != lifecycle.Seq(1, 2) {
			t.Errorf("row %+v", row)
		}
		r.wantDone(r.invoke("m2", functionTime))
		r.wantFrames("50", "60", "60", "complete")
	})
	play(t, "the last report goes out before the function is given back", func(t *testing.T, r *rig) {
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			time.Sleep(20 * time.Second)
			rep.Step(1, "")
			rep.Step(2, "")
			rep.Report(3, "")
			return streamer.Checkpoint(ctx, 1)
		}
		r.wantContinued(r.invoke("m1", functionTime), 1, 1)
		r.wantFrames("1", "2", "3")
		if row := r.row(); row.Percentage != 3 {
			t.Errorf("row %+v", row)
		}
	})
	play(t, "and a step that a slow client did not take yet", func(t *testing.T, r *rig) {
		r.fate["c"] = streamer.ErrThrottled
		time.AfterFunc(21*time.Second, func() { r.set(func() { r.fate["c"] = nil }) })
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			err := yields(1)(ctx, req, rep)
			rep.Step(1, "")
			return err
		}
		r.wantContinued(r.invoke("m1", functionTime), 1, 1)
		r.wantFrames("1")
	})
	play(t, "but holds it for a short time only", func(t *testing.T, r *rig) {
		r.fate["c"] = streamer.ErrThrottled
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			rep.Step(1, "")
			return yields(1)(ctx, req, rep)
		}
		r.wantContinued(r.invoke("m1", functionTime), 1, 1)
		if took := time.Since(r.began); took > 22*time.Second {
			t.Errorf("took %s", took)
		}
	})
	play(t, "also in the last attempt", func(t *testing.T, r *rig) {
		r.accept(func(s *lifecycle.Submission) { s.MaxAttempts = 1 })
		done := 0
		r.handler = ticks(40, &done)
		r.wantContinued(r.invoke("m1", functionTime), 1, 1)
		r.wantDone(r.invoke("m2", functionTime))
		r.wantStatus(protocol.Completed, "")
	})
	play(t, "an attempt after it is the next one", func(t *testing.T, r *rig) {
		done := 0
		r.handler = ticks(40, &done)
		r.wantContinued(r.invoke("m1", functionTime), 1, 1)
		r.handler = fail(errors.New("x"))
		r.wantKept(r.invoke("m2", functionTime))
		if row := r.row(); row.Status != protocol.Retrying || row.Attempt != 1 {
			t.Errorf("row %+v", row)
		}
		time.Sleep(time.Second)
		r.handler = ticks(40, &done)
		r.wantDone(r.invoke("m2", functionTime))
		if row := r.row(); row.Status != protocol.Completed || row.Attempt != 2 || done != 40 {
			t.Errorf("%d done, row %+v", done, row)
		}
	})
	play(t, "one of several hints takes it", func(t *testing.T, r *rig) {
		done := 0
		r.handler = ticks(40, &done)
		r.wantContinued(r.invoke("m1", functionTime), 1, 1)
		result := make(chan error)
		go func() { result <- r.invoke("m2", functionTime) }()
		time.Sleep(time.Second)
		for _, other := range []string{"m1", "m3"} { // that of before, not deleted, is of no more use
			if err := r.deliver(other); err != nil {
				t.Errorf("%s is kept: %v", other, err)
			}
		}
		r.wantDone(<-result)
		if row := r.row(); row.Carrier != "m2" || row.Attempt != 1 || done != 40 {
			t.Errorf("%d done, row %+v", done, row)
		}
		r.wantDone(r.deliver("m1"))
	})
	play(t, "by the message of before, if that comes again", func(t *testing.T, r *rig) {
		done := 0
		r.handler = ticks(40, &done)
		r.wantContinued(r.invoke("m1", functionTime), 1, 1)
		r.wantDone(r.invoke("m1", functionTime))
		r.wantStatus(protocol.Completed, "")
	})
	play(t, "is not what a handler can ask for by itself", func(t *testing.T, r *rig) {
		r.handler = fail(streamer.ErrContinue)
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Retrying, protocol.Internal)
	})
	play(t, "a handler that completes all the same", func(t *testing.T, r *rig) {
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			if err := yields(1)(ctx, req, rep); err != streamer.ErrContinue {
				t.Errorf("got %v", err)
			}
			return rep.Complete(json.RawMessage(`1`))
		}
		r.wantDone(r.invoke("m1", functionTime))
		r.wantStatus(protocol.Completed, "")
	})
	play(t, "a handler that fails all the same", func(t *testing.T, r *rig) {
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			yields(1)(ctx, req, rep)
			return streamer.Errorf("X", "x")
		}
		r.wantDone(r.invoke("m1", functionTime))
		r.wantStatus(protocol.Failed, "X")
	})
	play(t, "in the moment in which the time is up", func(t *testing.T, r *rig) {
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			err := yields(1)(ctx, req, rep)
			<-ctx.Done()
			return err
		}
		r.wantContinued(r.invoke("m1", functionTime), 1, 1)
	})
	play(t, "so often and no more", func(t *testing.T, r *rig) {
		r.accept(func(s *lifecycle.Submission) { s.Deadline = protocol.MaxDeadline })
		r.handler = yields(1)
		for n := range streamer.MaxContinuations {
			if err := r.invoke("m1", functionTime); err != nil || !r.row().Continued() {
				t.Fatalf("after %d: %v, row %+v", n, err, r.row())
			}
			r.log.Reset()
		}
		r.wantDone(r.invoke("m1", functionTime))
		r.wantStatus(protocol.Failed, protocol.ContinuationsExhausted)
		if row := r.row(); row.Continuations != streamer.MaxContinuations || row.Attempt != 1 {
			t.Errorf("row %+v", row)
		}
		r.wantFrames("failed")
	})
}

// TestContinueInTime: a step as long as the longest so far fits into what is left, or it is
// left for the next function.
func TestContinueInTime(t *testing.T) {
	for _, c := range []struct {
		timeout, function, step time.Duration
		steps                   int // in one run
	}{
		{streamer.MaxTimeout, 15 * time.Minute, time.Second, 830}, // 10 s and a step are left
		{streamer.MaxTimeout, 15 * time.Minute, 10 * time.Millisecond, 83_000},
		{streamer.MaxTimeout, 15 * time.Minute, time.Minute, 13},
		{streamer.MaxTimeout, 15 * time.Minute, 6 * time.Minute, 2},
		{streamer.MaxTimeout, 15 * time.Minute, 8 * time.Minute, 1},
		{streamer.MaxTimeout, 15 * time.Minute, 13*time.Minute + 59*time.Second, 1},
		{streamer.MaxTimeout, time.Minute, time.Second, 45}, // of 50 s
		{5 * time.Second, 15 * time.Minute, time.Second, 4},
		{5 * time.Second, 15 * time.Minute, 3 * time.Second, 1},
	} {
		play(t, fmt.Sprintf("%s of %s in steps of %s", c.timeout, c.function, c.step), func(t *testing.T, r *rig) {
			r.declare(func(a *action) { a.Timeout = c.timeout })
			steps := 0
			r.handler = func(ctx context.Context, _ request, _ reporter) error {
				for {
					time.Sleep(c.step)
					steps++
					if err := streamer.Checkpoint(ctx, 1); err != nil {
						return err
					}
				}
			}
			r.wantContinued(r.invoke("m1", c.function), 1, 1)
			if steps != c.steps {
				t.Errorf("%d steps, want %d", steps, c.steps)
			}
		})
	}
	play(t, "a deadline that is sooner", func(t *testing.T, r *rig) {
		r.accept(func(s *lifecycle.Submission) { s.Deadline = 20*time.Second + time.Millisecond })
		done := 0
		r.handler = ticks(100, &done)
		r.wantDone(r.invoke("m1", functionTime))
		r.wantStatus(protocol.Failed, protocol.Deadline)
	})
	play(t, "a function without an end", func(t *testing.T, r *rig) {
		r.handler = func(ctx context.Context, _ request, _ reporter) error {
			time.Sleep(timeout - time.Second)
			if err := streamer.Checkpoint(ctx, 1); err != streamer.ErrContinue {
				t.Errorf("got %v", err)
			}
			return nil
		}
		r.wantDone(r.deliver("m1"))
	})
}

func TestContinuedWaits(t *testing.T) {
	again := func(t *testing.T, r *rig) {
		done := 0
		r.handler = ticks(100, &done)
		r.wantContinued(r.invoke("m1", functionTime), 1, 1)
		r.handler = fail(errors.New("it ran"))
	}
	play(t, "past its deadline", func(t *testing.T, r *rig) {
		again(t, r)
		time.Sleep(time.Hour)
		r.wantDone(r.deliver("m2"))
		r.wantStatus(protocol.Failed, protocol.Deadline)
		if row := r.row(); row.Attempt != 1 || row.Carrier != "m2" {
			t.Errorf("row %+v", row)
		}
		if f := r.frames["c"][27].(protocol.FailedFrame); f.Attempt != 1 || f.Code != protocol.Deadline {
			t.Errorf("frame %+v", f)
		}
	})
	play(t, "and is cancelled", func(t *testing.T, r *rig) {
		again(t, r)
		r.cancel()
		r.wantDone(r.deliver("m2"))
		r.wantStatus(protocol.Cancelled, "")
		if got := r.types("c"); got[len(got)-1] != "cancelled" {
			t.Errorf("frames %v", got)
		}
	})
	play(t, "for a worker that dies: the next attempt begins where it was", func(t *testing.T, r *rig) {
		again(t, r)
		r.change(lifecycle.Resume(r.row().Fence, "m2", "dead", time.Now(), clocks.Lease))
		time.Sleep(clocks.Lease + time.Millisecond)
		var from int
		var attempt int
		r.handler = func(ctx context.Context, req request, _ reporter) (err error) {
			from, _, err = streamer.Restore[int](ctx)
			attempt = req.Attempt
			return err
		}
		r.wantDone(r.deliver("m2"))
		if from != 27 || attempt != 2 || r.row().Percentage != 100 {
			t.Errorf("attempt %d from %d, row %+v", attempt, from, r.row())
		}
	})
	play(t, "while its own cancel is asked for", func(t *testing.T, r *rig) {
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			err := yields(1)(ctx, req, rep)
			r.cancel()
			return err
		}
		r.wantDone(r.invoke("m1", functionTime))
		r.wantStatus(protocol.Cancelled, "")
		r.wantFrames("cancelled")
	})
}

func TestContinueWrites(t *testing.T) {
	for _, write := range []string{"claim", "save", "continue", "resume"} {
		play(t, write+": answer lost", func(t *testing.T, r *rig) {
			done := 0
			r.handler, r.after = ticks(40, &done), named(write, 1, errNoAnswer)
			r.wantContinued(r.invoke("m1", functionTime), 1, 1)
			r.wantDone(r.invoke("m2", functionTime))
			r.wantStatus(protocol.Completed, "")
			if row := r.row(); row.Attempt != 1 || row.Fence != 2 || row.Continuations != 1 || done != 40 {
				t.Errorf("%d done, row %+v", done, row)
			}
		})
		play(t, write+": table is down for a moment", func(t *testing.T, r *rig) {
			done := 0
			r.handler, r.before = ticks(40, &done), named(write, 1, errNoAnswer)
			r.wantContinued(r.invoke("m1", functionTime), 1, 1)
			r.wantDone(r.invoke("m2", functionTime))
			if row := r.row(); row.Attempt != 1 || row.Fence != 2 || row.Continuations != 1 || done != 40 {
				t.Errorf("%d done, row %+v", done, row)
			}
		})
	}
	play(t, "continue: table is down for good", func(t *testing.T, r *rig) {
		done := 0
		r.handler, r.before = ticks(40, &done), named("continue", math.MaxInt, errNoAnswer)
		r.wantKept(r.invoke("m1", functionTime))
		r.wantStatus(protocol.Processing, "")
		r.before = nil
		time.Sleep(clocks.Lease + time.Millisecond)
		r.wantDone(r.invoke("m1", functionTime)) // as if the worker had died
		if row := r.row(); row.Status != protocol.Completed || row.Attempt != 2 || done != 40 {
			t.Errorf("%d done, row %+v", done, row)
		}
	})
	play(t, "save: table is down for good", func(t *testing.T, r *rig) {
		r.declare(func(a *action) { a.Timeout = 10 * time.Minute })
		r.before = named("save", math.MaxInt, errNoAnswer)
		r.handler = func(ctx context.Context, _ request, _ reporter) error { return streamer.Checkpoint(ctx, 1) }
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Retrying, protocol.Internal)
		if took := time.Since(r.began); took > clocks.Lease+time.Second {
			t.Errorf("given up after %s", took)
		}
	})
	for write, c := range map[string]struct {
		at    int
		state string
	}{"save": {3, "2"}, "continue": {27, "27"}} {
		play(t, write+": the request was lost before", func(t *testing.T, r *rig) {
			done := 0
			r.handler = ticks(100, &done)
			r.before = func(u lifecycle.Update) error {
				if u.Name == write && done == c.at {
					r.table.Update(context.Background(), key, lifecycle.Claim("m2", "thief", time.Now().Add(2*clocks.Lease), clocks.Lease))
				}
				return nil
			}
			r.wantKept(r.invoke("m1", functionTime))
			if row := r.row(); row.Status != protocol.Processing || row.Owner != "thief" || row.State != c.state || row.Continuations != 0 {
				t.Errorf("row %+v\n%s", row, r.log.String())
			}
		})
	}
}

func TestState(t *testing.T) {
	for name, c := range map[string]struct {
		payload, state int // bytes
		at             lifecycle.Place
	}{
		"in the row":                        {100, 100, ""},
		"no room left by the payload":       {101, 100, lifecycle.PlaceItem},
		"beside the row":                    {10, protocol.MaxInline, lifecycle.PlaceItem},
		"in an object":                      {10, protocol.MaxInline + 1, lifecycle.PlaceObject},
		"in an object, as large as it gets": {10, 1 << 20, lifecycle.PlaceObject},
	} {
		play(t, name, func(t *testing.T, r *rig) {
			r.accept(func(s *lifecycle.Submission) { s.Payload = large(c.payload) })
			want := large(c.state)
			r.handler = func(ctx context.Context, req request, rep reporter) error {
				state, found, err := streamer.Restore[json.RawMessage](ctx)
				if err != nil {
					return err
				}
				if !found {
					return yields(json.RawMessage(want))(ctx, req, rep)
				}
				if string(state) != want {
					t.Errorf("got %d bytes", len(state))
				}
				if err := streamer.Checkpoint(ctx, 7); err != nil { // in place of it
					return err
				}
				small, _, err := streamer.Restore[int](ctx)
				if small != 7 {
					t.Errorf("got %d", small)
				}
				return err
			}
			r.wantContinued(r.invoke("m1", functionTime), 1, 1)
			if row := r.row(); row.StateAt != c.at || (row.State == "") != (c.at != "") || (len(row.StateHash) == 32) != (c.at != "") {
				t.Errorf("row %+v", row)
			}
			r.wantDone(r.deliver("m2"))
			r.wantStatus(protocol.Completed, "")
		})
	}
	play(t, "that cannot be put beside the row at once", func(t *testing.T, r *rig) {
		r.before = named("put state", 3, errNoAnswer)
		r.handler = yields(json.RawMessage(large(1000)))
		r.wantContinued(r.invoke("m1", functionTime), 1, 1)
	})
	play(t, "that cannot be stored", func(t *testing.T, r *rig) {
		r.docErr = errNoAnswer
		r.handler = yields(json.RawMessage(large(protocol.MaxInline + 1)))
		r.wantKept(r.invoke("m1", functionTime))
		r.wantStatus(protocol.Retrying, protocol.Internal)
		if row := r.row(); row.StateAt != "" {
			t.Errorf("the row names what is not there: %+v", row)
		}
	})
	play(t, "for the attempt after a failure, and after a function that was stopped", func(t *testing.T, r *rig) {
		var seen []string
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			state, found, err := streamer.Restore[int](ctx)
			if err != nil {
				return err
			}
			seen = append(seen, fmt.Sprint(req.Attempt, state, found))
			if err := streamer.Checkpoint(ctx, state+1); err != nil {
				return err
			}
			if req.Attempt == 1 {
				return errors.New("x")
			}
			<-ctx.Done()
			return ctx.Err()
		}
		r.wantKept(r.deliver("m1"))
		time.Sleep(time.Second)
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		r.wantKept(r.deliverTo(ctx, "m1"))
		time.Sleep(2 * clocks.Lease)
		r.wantDone(r.deliver("m1"))
		if want := []string{"1 0 false", "2 1 true", "3 2 true"}; !slices.Equal(seen, want) {
			t.Errorf("seen %q, want %q", seen, want)
		}
		r.wantStatus(protocol.Failed, protocol.Timeout)
	})
	play(t, "after the end", func(t *testing.T, r *rig) {
		r.handler = func(ctx context.Context, _ request, rep reporter) error {
			if err := rep.Complete(json.RawMessage(`1`)); err != nil {
				t.Error(err)
			}
			if err := streamer.Checkpoint(ctx, 1); err == nil || errors.Is(err, streamer.ErrContinue) {
				t.Errorf("saved: %v", err)
			}
			return nil
		}
		r.wantDone(r.deliver("m1"))
	})
}

func TestOnce(t *testing.T) {
	play(t, "over attempts and runs", func(t *testing.T, r *rig) {
		ran := 0
		charge := func(ctx context.Context) (string, error) {
			return streamer.Once(ctx, "charge", func(context.Context) (string, error) {
				ran++
				return fmt.Sprint("charge ", ran), nil
			})
		}
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			got, err := charge(ctx)
			if err != nil || got != "charge 1" {
				t.Errorf("got %q, %v", got, err)
			}
			if req.Attempt == 1 {
				return errors.New("x")
			}
			return yields(1)(ctx, req, rep)
		}
		r.wantKept(r.invoke("m1", functionTime))
		time.Sleep(time.Second)
		r.wantContinued(r.invoke("m1", functionTime), 2, 1)
		r.wantContinued(r.invoke("m2", functionTime), 2, 2)
		if ran != 1 {
			t.Errorf("ran %d times", ran)
		}
	})
	play(t, "an error is not kept", func(t *testing.T, r *rig) {
		ran, boom := 0, errors.New("boom")
		r.handler = func(ctx context.Context, _ request, _ reporter) error {
			for range 2 {
				_, err := streamer.Once(ctx, "a", func(context.Context) (int, error) {
					ran++
					if ran == 1 {
						return 0, boom
					}
					return ran, nil
				})
				if (ran == 1) != (err == boom) {
					t.Errorf("after %d: %v", ran, err)
				}
			}
			return nil
		}
		r.wantDone(r.deliver("m1"))
	})
	play(t, "kept although the request was cancelled meanwhile, and the table is down for a while", func(t *testing.T, r *rig) {
		r.before = named("put once", 5, errNoAnswer)
		var got int
		var err error
		r.handler = func(ctx context.Context, _ request, _ reporter) error {
			got, err = streamer.Once(ctx, "a", func(ctx context.Context) (int, error) {
				r.cancel()
				<-ctx.Done()
				return 7, nil
			})
			return err
		}
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Cancelled, "")
		if got != 7 || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
		if kept, exists, err := r.table.Once(t.Context(), key, fmt.Sprintf("%d#a", r.row().CreatedAt)); !exists || kept != "7" {
			t.Errorf("kept %q, %v, %v", kept, exists, err)
		}
	})
	play(t, "the first result counts", func(t *testing.T, r *rig) {
		name := fmt.Sprintf("%d#a", r.row().CreatedAt)
		r.handler = func(ctx context.Context, _ request, _ reporter) error {
			got, err := streamer.Once(ctx, "a", func(context.Context) (int, error) {
				_, err := r.table.PutOnce(context.Background(), key, name, "1", time.Now()) // the one that has it now
				return 2, err
			})
			if got != 1 || err != nil {
				t.Errorf("got %d, %v", got, err)
			}
			return err
		}
		r.wantDone(r.deliver("m1"))
	})
	play(t, "not that of an older request with the same key", func(t *testing.T, r *rig) {
		r.handler = func(ctx context.Context, _ request, rep reporter) error {
			at, err := streamer.Once(ctx, "a", func(context.Context) (int64, error) { return time.Now().UnixMilli(), nil })
			if err != nil {
				return err
			}
			return rep.Complete(json.RawMessage(fmt.Sprint(at)))
		}
		r.wantDone(r.deliver("m1"))
		first := r.row()
		time.Sleep(lifecycle.Retention + time.Second)
		if err := r.table.Create(t.Context(), lifecycle.Accept(lifecycle.Submission{
			Key: key, User: "ann", Action: "work", MaxAttempts: 1, Deadline: time.Hour, Connection: "c", Message: "m2",
		}, time.Now()), time.Now()); err != nil {
			t.Fatal(err)
		}
		r.wantDone(r.deliver("m2"))
		if second := r.row(); second.Result == first.Result || second.Status != protocol.Completed {
			t.Errorf("first %s, second %s", first.Result, second.Result)
		}
	})
	play(t, "kept by a worker that has lost the request", func(t *testing.T, r *rig) {
		r.handler = func(ctx context.Context, _ request, _ reporter) error {
			_, err := streamer.Once(ctx, "a", func(context.Context) (int, error) {
				r.table.Update(context.Background(), key, lifecycle.Claim("m2", "thief", time.Now().Add(2*clocks.Lease), clocks.Lease))
				return 1, nil
			})
			if err != nil {
				t.Error(err)
			}
			return streamer.Checkpoint(ctx, 1)
		}
		r.wantKept(r.deliver("m1"))
		if kept, exists, _ := r.table.Once(t.Context(), key, fmt.Sprintf("%d#a", r.row().CreatedAt)); !exists || kept != "1" {
			t.Errorf("kept %q, %v", kept, exists)
		}
	})
}

// TestCount runs the sample that outlives its function, as long as it may take and as
// Lambda would run it.
func TestCount(t *testing.T) {
	play(t, "for 20 minutes", func(t *testing.T, r *rig) {
		r.deploy(handlers.Count.Bind(handlers.CountHandler))
		r.accept(func(s *lifecycle.Submission) { s.Action, s.Payload = "count", `{"to":1200,"tick_ms":1000}` })
		saves := 0
		r.before = func(u lifecycle.Update) error {
			if u.Name == "save" {
				saves++
			}
			return nil
		}
		r.wantContinued(r.invoke("m1", 15*time.Minute), 1, 1)
		time.Sleep(time.Second)
		r.wantDone(r.invoke("m2", 15*time.Minute))
		r.wantStatus(protocol.Completed, "")
		if row := r.row(); row.Result != fmt.Sprintf(`{"count":1200,"runs":2,"began":%d}`, r.began.UnixMilli()) || row.Attempt != 1 {
			t.Errorf("row %+v", row)
		}
		if took := time.Since(r.began); took < 20*time.Minute || took > 20*time.Minute+2*time.Second {
			t.Errorf("took %s", took)
		}
		if got := r.types("c"); got[len(got)-1] != "complete" || !slices.IsSortedFunc(r.frames["c"], func(a, b protocol.Frame) int { return int(event(a).Seq - event(b).Seq) }) {
			t.Errorf("frames %v", got)
		}
		t.Logf("%d saves", saves)
	})
	play(t, "killed in the middle", func(t *testing.T, r *rig) {
		r.deploy(handlers.Count.Bind(handlers.CountHandler))
		r.accept(func(s *lifecycle.Submission) { s.Action, s.Payload = "count", `{"to":60,"tick_ms":1000}` })
		ctx, kill := context.WithCancel(t.Context())
		time.AfterFunc(30*time.Second+500*time.Millisecond, kill)
		r.wantKept(r.deliverTo(ctx, "m1"))
		time.Sleep(2 * clocks.Lease)
		again := time.Now()
		r.wantDone(r.deliver("m1"))
		if took := time.Since(again); took > 31*time.Second || r.row().Result != fmt.Sprintf(`{"count":60,"runs":2,"began":%d}`, r.began.UnixMilli()) {
			t.Errorf("took %s, row %+v", took, r.row())
		}
	})
}

// TestHandlersContext: what the handler's context carries is bound to it.
func TestHandlersContext(t *testing.T) {
	play(t, "another context", func(t *testing.T, r *rig) {
		r.handler = func(ctx context.Context, _ request, _ reporter) error {
			err := streamer.Checkpoint(context.WithoutCancel(ctx), 1)
			if err != nil {
				t.Errorf("a context made from it: %v", err)
			}
			return streamer.Checkpoint(t.Context(), 1)
		}
		r.wantKept(r.deliver("m1"))
		if !strings.Contains(r.log.String(), "the context is not the one") {
			t.Errorf("logged:\n%s", r.log.String())
		}
	})
}
