package progress

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/protocol"
)

// callTimeout bounds one call to a service, so that one that hangs delays neither the
// posts nor the pulses for long.
const callTimeout = 5 * time.Second

// Session drives a Tracker while an attempt runs: one goroutine has posts made, another keeps
// the pulse. It is safe for concurrent use.
type Session struct {
	clock       clock.Clock
	connections streamer.ConnectionManager
	pulse       func(context.Context, lifecycle.Update) (lifecycle.Row, error)
	lost        func(cause error)

	mu      sync.Mutex
	tracker *Tracker

	wake  chan struct{} // has one if something was reported, or a post is over
	loops sync.WaitGroup
	posts sync.WaitGroup
	stop  context.CancelFunc
}

// Start begins to post and to pulse. pulse carries out the update on the attempt's row.
// lost is called, once or more, when the handler should stop: with streamer.ErrLost when
// the lease is gone, with streamer.ErrCancelled when the row says so. End or Stop must
// follow.
func Start(ctx context.Context, t *Tracker, c clock.Clock, connections streamer.ConnectionManager,
	pulse func(context.Context, lifecycle.Update) (lifecycle.Row, error), lost func(cause error)) *Session {
	s := idle(t, c, connections)
	s.pulse, s.lost = pulse, lost
	ctx, s.stop = context.WithCancel(ctx)
	s.loops.Go(func() { s.post(ctx) })
	s.loops.Go(func() { s.keep(ctx) })
	return s
}

// idle is a session that only sends what it is told to.
func idle(t *Tracker, c clock.Clock, connections streamer.ConnectionManager) *Session {
	return &Session{clock: c, connections: connections, tracker: t, wake: make(chan struct{}, 1)}
}

// Report takes the newest state of the work.
func (s *Session) Report(percentage float64, message string) {
	s.mu.Lock()
	known := s.tracker.dirty // whoever posts knows when to look for the newest
	s.tracker.Report(percentage, message, s.clock.Now())
	s.mu.Unlock()
	if !known {
		s.nudge()
	}
}

// Step is Report for what is certain to go out.
func (s *Session) Step(percentage float64, message string) {
	s.mu.Lock()
	s.tracker.Step(percentage, message, s.clock.Now())
	s.mu.Unlock()
	s.nudge()
}

func (s *Session) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// post sends what the tracker has, until ctx ends.
func (s *Session) post(ctx context.Context) {
	for {
		s.flush(ctx, time.Time{})
		s.mu.Lock()
		at, waits := s.tracker.Wake(s.clock.Now())
		s.mu.Unlock()
		if !s.pause(ctx, at, waits, s.wake) {
			return
		}
	}
}

// flush begins each post that is due, one at a time for each watcher: nobody waits for one
// that hangs but its own watcher. They are over by end, if that is set.
func (s *Session) flush(ctx context.Context, end time.Time) {
	for ctx.Err() == nil {
		now, limit := s.clock.Now(), callTimeout
		if !end.IsZero() {
			limit = min(limit, end.Sub(now))
		}
		if limit <= 0 {
			return
		}
		s.mu.Lock()
		p, ok := s.tracker.Next(now)
		s.mu.Unlock()
		if !ok {
			return
		}
		s.posts.Go(func() {
			call, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit) // a post that began is let finish
			err := s.connections.Send(call, p.Connection, p.Frame)
			cancel()
			s.mu.Lock()
			s.tracker.Posted(p, err, s.clock.Now())
			s.mu.Unlock()
			s.nudge()
		})
	}
}

// pause waits until a moment, if there is one, or for a nudge. It reports false once ctx
// has ended.
func (s *Session) pause(ctx context.Context, until time.Time, waits bool, nudged <-chan struct{}) bool {
	var timer <-chan time.Time
	if waits {
		t, stop := s.clock.After(until.Sub(s.clock.Now()))
		defer stop()
		timer = t
	}
	select {
	case <-ctx.Done():
		return false
	case <-timer:
	case <-nudged:
	}
	return true
}

// tick is how often keep looks whether a pulse has come due sooner, because something
// was reported.
const tick = 4

// keep pulses until ctx ends or the request is lost.
func (s *Session) keep(ctx context.Context) {
	for {
		s.mu.Lock()
		next := s.tracker.NextPulse()
		lapse := s.tracker.LeaseEnd()
		s.mu.Unlock()
		now := s.clock.Now()
		if !now.Before(lapse) {
			s.lost(streamer.ErrLost)
			return
		}
		if now.Before(next) {
			look := min(next.Sub(now), s.tracker.clocks.Pulse/tick)
			if !s.pause(ctx, now.Add(look), true, nil) {
				return
			}
			continue
		}
		if !s.beat(ctx, now, min(callTimeout, lapse.Sub(now))) {
			return
		}
	}
}

// beat is one pulse. It reports false once there is nothing to keep any more: the request
// is lost, or the attempt's own outcome is in the row already, and is about to be told.
func (s *Session) beat(ctx context.Context, now time.Time, limit time.Duration) bool {
	s.mu.Lock()
	u := s.tracker.Pulse(now)
	s.mu.Unlock()
	call, cancel := context.WithTimeout(ctx, limit)
	row, err := s.pulse(call, u)
	cancel()
	if stood, refused := errors.AsType[*store.RefusedError](err); refused {
		if !stood.Exists || stood.Row.Fence != s.tracker.fence {
			s.mu.Lock()
			s.tracker.Lose(s.clock.Now())
			s.mu.Unlock()
			s.lost(streamer.ErrLost)
		}
		return false
	}
	s.mu.Lock()
	if err != nil {
		s.tracker.PulseFailed()
	} else {
		s.tracker.Pulsed(row, now)
	}
	s.mu.Unlock()
	if err == nil && row.CancelAt != 0 {
		s.lost(streamer.ErrCancelled)
	}
	s.nudge() // there may be a new watcher
	return true
}

// Close frames the last report and returns the number of the frame that ends the
// attempt; see Tracker.Close.
func (s *Session) Close() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tracker.Close(s.clock.Now())
}

// Reopen takes reports again: the attempt could not be ended.
func (s *Session) Reopen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracker.Reopen()
}

// Stop ends all that runs, without another frame.
func (s *Session) Stop() {
	s.rest()
	s.posts.Wait()
}

// rest begins neither a post nor a pulse any more.
func (s *Session) rest() {
	s.stop()
	s.loops.Wait()
}

// End stops the pulse, sends everyone what is certain to go out with the ending frame
// last, and reports whether they all got it, or are gone. It gives up after budget.
func (s *Session) End(ctx context.Context, f protocol.Frame, seq int64, watchers []string, budget time.Duration) (told bool) {
	s.rest()
	s.mu.Lock()
	s.tracker.End(f, seq, watchers)
	s.mu.Unlock()
	return s.drain(ctx, budget)
}

// Tally is what became of the reports so far; see Tracker.Tally.
func (s *Session) Tally() Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tracker.Tally()
}

// State is how far the attempt is; see Tracker.State.
func (s *Session) State() lifecycle.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tracker.State()
}

// Leave stops the pulse and sends everyone what is certain to go out. The attempt goes on
// elsewhere. It gives up after budget.
func (s *Session) Leave(ctx context.Context, watchers []string, budget time.Duration) {
	s.rest()
	s.mu.Lock()
	s.tracker.Leave(watchers)
	s.mu.Unlock()
	s.drain(ctx, budget)
}

// Tell sends everyone who watches a terminal request its terminal frame, and reports
// whether they all got it, or are gone. It gives up after budget.
func Tell(ctx context.Context, c clock.Clock, connections streamer.ConnectionManager, row lifecycle.Row, f protocol.Frame, budget time.Duration) (told bool) {
	s := idle(NewTracker(row, Clocks{}, c.Now()), c, connections)
	s.tracker.End(f, row.Seq, row.Watchers)
	return s.drain(ctx, budget)
}

// Say stores what the tracker has and posts it to everyone who watches, for a process that
// is gone afterwards. It gives up to post after budget.
func Say(ctx context.Context, t *Tracker, c clock.Clock, connections streamer.ConnectionManager,
	pulse func(context.Context, lifecycle.Update) (lifecycle.Row, error), budget time.Duration) error {
	row, err := pulse(ctx, t.Pulse(c.Now()))
	if err != nil {
		return err
	}
	t.Leave(row.Watchers)
	idle(t, c, connections).drain(ctx, budget)
	return nil
}

// drain sends what is certain to go out, and reports whether everyone has it.
func (s *Session) drain(ctx context.Context, budget time.Duration) (told bool) {
	ctx, span := tracing.Start(ctx, "post")
	if span.IsRecording() {
		defer func() {
			span.SetAttributes(tracing.Told.Bool(told))
			span.End()
		}()
	}
	defer s.posts.Wait()
	end := s.clock.Now().Add(budget)
	for {
		s.flush(ctx, end)
		s.mu.Lock()
		now := s.clock.Now()
		told = s.tracker.Told()
		at, waits := s.tracker.Wake(now)
		busy := s.tracker.Busy()
		s.mu.Unlock()
		waits = waits && !at.After(end)
		switch {
		case told:
			return true
		case !now.Before(end), !busy && !waits, !s.pause(ctx, at, waits, s.wake):
			return false
		}
	}
}
