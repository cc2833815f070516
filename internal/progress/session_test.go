package progress_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

var errNoAnswer = errors.New("no answer")

// stage is what a session talks to: connections and the row, with faults.
type stage struct {
	t     *testing.T
	began time.Time

	mu     sync.Mutex
	fate   map[string]error // of posts; hang makes them wait for their context
	frames map[string][]protocol.Frame
	tries  map[string]int
	pulses []time.Duration // when they were made
	stored []lifecycle.Update
	row    lifecycle.Row
	answer error // of pulses
	causes []error
	lostAt time.Duration
}

var hang = errors.New("hang")

func play(t *testing.T, watchers ...string) *stage {
	return &stage{
		t: t, began: time.Now(), fate: map[string]error{}, frames: map[string][]protocol.Frame{}, tries: map[string]int{}, row: row(watchers...),
	}
}

func (s *stage) session() *progress.Session {
	return progress.Start(s.t.Context(), progress.NewTracker(s.row, clocks, time.Now()), clock.System{}, s, s.pulse, s.lost)
}

func (s *stage) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *stage) Send(ctx context.Context, c string, f protocol.Frame) error {
	s.mu.Lock()
	s.tries[c]++
	err := s.fate[c]
	if err == nil {
		s.frames[c] = append(s.frames[c], f)
	}
	s.mu.Unlock()
	if err == hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (s *stage) IsActive(string) bool { return true }

func (s *stage) pulse(ctx context.Context, u lifecycle.Update) (lifecycle.Row, error) {
	s.mu.Lock()
	s.pulses = append(s.pulses, time.Since(s.began))
	s.stored = append(s.stored, u)
	err, row := s.answer, s.row
	s.mu.Unlock()
	if err == hang {
		<-ctx.Done()
		return row, ctx.Err()
	}
	return row, err
}

func (s *stage) lost(cause error) {
	s.set(func() {
		if len(s.causes) == 0 {
			s.lostAt = time.Since(s.began)
		}
		s.causes = append(s.causes, cause)
	})
}

func (s *stage) got(c string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []string
	for _, f := range s.frames[c] {
		if p, ok := f.(protocol.Progress); ok {
			got = append(got, fmt.Sprint(p.Percentage))
		} else {
			got = append(got, string(f.Type()))
		}
	}
	return got
}

func (s *stage) wantLost(cause error, at time.Duration) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.causes) == 0 || !errors.Is(s.causes[0], cause) || s.lostAt != at {
		s.t.Errorf("lost for %v after %s, want %v after %s", s.causes, s.lostAt, cause, at)
	}
}

const budget = 10 * time.Second

func end(s *progress.Session, watchers ...string) (told bool, took time.Duration) {
	start := time.Now()
	seq := s.Close()
	told = s.End(context.Background(), complete(seq), seq, watchers, budget)
	return told, time.Since(start)
}

// bubble runs a test in time that flies. It fails if a goroutine is left.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func TestSessionPosts(t *testing.T) {
	bubble(t, "newest of each interval", func(t *testing.T) {
		st := play(t, "a", "b")
		s := st.session()
		s.Report(0, "")
		time.Sleep(5 * time.Millisecond)
		for n := range 100 {
			s.Report(float64(n+1), "")
			time.Sleep(10 * time.Millisecond)
		}
		told, took := end(s, "a", "b")
		if !told || took != 0 {
			t.Errorf("told %v after %s", told, took)
		}
		for _, c := range []string{"a", "b"} {
			if got := st.got(c); !slices.Equal(got, []string{"0", "25", "50", "75", "100", "complete"}) {
				t.Errorf("%s got %v", c, got)
			}
		}
	})
	bubble(t, "steps at once", func(t *testing.T) {
		st := play(t, "a")
		s := st.session()
		for n := range 5 {
			s.Step(float64(n), "")
		}
		synctest.Wait()
		if got := st.got("a"); len(got) != 5 {
			t.Errorf("got %v", got)
		}
		s.Stop()
	})
	bubble(t, "one that hangs holds up nobody else", func(t *testing.T) {
		st := play(t, "a", "b", "c")
		st.fate["a"] = hang
		s := st.session()
		for n := range 20 {
			s.Step(float64(n), "")
			synctest.Wait()
			for _, c := range []string{"b", "c"} {
				if got := st.got(c); len(got) != n+1 {
					t.Fatalf("%s got %v of %d steps", c, got, n+1)
				}
			}
			st.set(func() {
				if tries := st.tries["a"]; tries > 1+n/5 { // the call's time
					t.Fatalf("a is posted to %d times at once", tries)
				}
			})
			time.Sleep(time.Second)
		}
		s.Stop()
	})
}

func TestSessionPulses(t *testing.T) {
	bubble(t, "while something changes", func(t *testing.T) {
		st := play(t, "a")
		s := st.session()
		for n := range 90 {
			s.Report(float64(n), "m")
			time.Sleep(100 * time.Millisecond)
		}
		s.Stop()
		if len(st.pulses) != 4 {
			t.Errorf("pulses at %v", st.pulses)
		}
		for i, at := range st.pulses {
			if want := time.Duration(i+1) * clocks.Pulse; at != want {
				t.Errorf("pulse %d at %s, want %s", i, at, want)
			}
		}
		u := st.stored[0]
		if u.Set["message"] != "m" || u.Set["percentage"].(float64) < 18 || u.Set["lease_until"].(int64) != st.began.Add(clocks.Pulse+clocks.Lease).UnixMilli() {
			t.Errorf("stored %v", u.Set)
		}
	})
	bubble(t, "while nothing changes", func(t *testing.T) {
		st := play(t, "a")
		s := st.session()
		time.Sleep(31 * time.Second)
		s.Stop()
		if !slices.Equal(st.pulses, []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second}) {
			t.Errorf("pulses at %v", st.pulses)
		}
	})
	bubble(t, "soon after a change", func(t *testing.T) {
		st := play(t, "a")
		s := st.session()
		time.Sleep(5 * time.Second)
		s.Report(1, "")
		time.Sleep(clocks.Pulse / 4)
		synctest.Wait()
		s.Stop()
		if len(st.pulses) != 1 {
			t.Errorf("pulses at %v", st.pulses)
		}
	})
	bubble(t, "bring a watcher and take the gone", func(t *testing.T) {
		st := play(t, "a")
		st.fate["a"] = streamer.ErrGone
		s := st.session()
		s.Step(1, "")
		time.Sleep(time.Second)
		st.set(func() { st.row.Watchers = []string{"b"} })
		time.Sleep(clocks.Pulse)
		if got := st.got("b"); !slices.Equal(got, []string{"1"}) {
			t.Errorf("the new one got %v", got)
		}
		s.Stop()
		if !slices.Equal(st.stored[0].Leave, []string{"a"}) {
			t.Errorf("left: %v", st.stored[0].Leave)
		}
	})
	bubble(t, "not held up by a post that hangs", func(t *testing.T) {
		st := play(t, "a")
		st.fate["a"] = hang
		s := st.session()
		s.Step(1, "")
		time.Sleep(clocks.Pulse + time.Millisecond)
		synctest.Wait()
		s.Stop()
		if !slices.Equal(st.pulses, []time.Duration{clocks.Pulse}) {
			t.Errorf("pulses at %v", st.pulses)
		}
		if took := time.Since(st.began); took != 5*time.Second {
			t.Errorf("stopped after %s", took)
		}
	})
}

func TestSessionLost(t *testing.T) {
	bubble(t, "to another", func(t *testing.T) {
		st := play(t, "a")
		other := st.row
		other.Fence++
		st.answer = fmt.Errorf("pulse: %w", &store.RefusedError{Row: other, Exists: true})
		s := st.session()
		time.Sleep(clocks.PulseIdle)
		synctest.Wait()
		st.wantLost(streamer.ErrLost, clocks.PulseIdle)
		s.Step(1, "")
		time.Sleep(time.Minute)
		s.Stop()
		if got := st.got("a"); len(got) != 0 || len(st.pulses) != 1 {
			t.Errorf("posted after the loss: %v; pulses at %v", got, st.pulses)
		}
	})
	bubble(t, "row is gone", func(t *testing.T) {
		st := play(t, "a")
		st.answer = &store.RefusedError{}
		s := st.session()
		time.Sleep(time.Minute)
		st.wantLost(streamer.ErrLost, clocks.PulseIdle)
		s.Stop()
	})
	bubble(t, "not to its own outcome", func(t *testing.T) {
		st := play(t, "a")
		s := st.session()
		s.Step(1, "")
		ended := st.row
		ended.Status = protocol.Completed
		st.set(func() { st.answer = &store.RefusedError{Row: ended, Exists: true} })
		time.Sleep(time.Minute)
		told, _ := end(s, "a")
		if len(st.causes) != 0 || len(st.pulses) != 1 || !told {
			t.Errorf("lost: %v; pulses at %v; told %v", st.causes, st.pulses, told)
		}
	})
	for _, answer := range []error{errNoAnswer, hang} {
		bubble(t, "at the lease's end: "+answer.Error(), func(t *testing.T) {
			st := play(t, "a")
			st.answer = answer
			s := st.session()
			var posted int
			for time.Since(st.began) < 40*time.Second {
				s.Step(1, "")
				time.Sleep(10 * time.Second / 3)
				if time.Since(st.began) < clocks.Lease {
					posted = len(st.got("a"))
				}
			}
			st.wantLost(streamer.ErrLost, clocks.Lease)
			if got := len(st.got("a")); got > posted+1 {
				t.Errorf("%d posted, %d before the lease ended", got, posted)
			}
			s.Stop()
		})
	}
	bubble(t, "not when the table answers in time", func(t *testing.T) {
		st := play(t, "a")
		st.answer = errNoAnswer
		s := st.session()
		time.Sleep(clocks.Lease - clocks.Pulse - time.Second)
		st.set(func() { st.answer = nil })
		time.Sleep(time.Hour)
		s.Stop()
		if len(st.causes) != 0 {
			t.Errorf("lost: %v", st.causes)
		}
	})
	bubble(t, "cancelled", func(t *testing.T) {
		st := play(t, "a")
		s := st.session()
		time.Sleep(time.Second)
		st.set(func() { st.row.CancelAt = 1 })
		time.Sleep(clocks.PulseIdle)
		st.wantLost(streamer.ErrCancelled, clocks.PulseIdle)
		time.Sleep(time.Hour) // the lease is kept while the handler winds up
		s.Stop()
		for _, cause := range st.causes {
			if !errors.Is(cause, streamer.ErrCancelled) {
				t.Errorf("lost: %v", cause)
			}
		}
	})
}

func TestSessionEnd(t *testing.T) {
	bubble(t, "throttled for a while", func(t *testing.T) {
		st := play(t, "a", "b")
		st.fate["a"] = streamer.ErrThrottled
		s := st.session()
		s.Step(1, "")
		s.Report(2, "")
		time.AfterFunc(3*time.Second, func() { st.set(func() { st.fate["a"] = nil }) })
		told, took := end(s, "a", "b")
		if !told || took < 3*time.Second || took > 5*time.Second {
			t.Errorf("told %v after %s", told, took)
		}
		for _, c := range []string{"a", "b"} {
			if got := st.got(c); !slices.Equal(got, []string{"1", "2", "complete"}) {
				t.Errorf("%s got %v", c, got)
			}
		}
	})
	for _, fate := range []error{streamer.ErrThrottled, errors.New("503"), hang} {
		bubble(t, "gives up: "+fate.Error(), func(t *testing.T) {
			var all []string
			st := play(t)
			for n := range protocol.MaxWatchers {
				c := fmt.Sprint("c", n)
				all = append(all, c)
				st.fate[c] = fate
			}
			st.row.Watchers = all
			s := st.session()
			told, took := end(s, all...)
			if told || took > budget {
				t.Errorf("told %v after %s", told, took)
			}
		})
	}
	bubble(t, "one that hangs holds up nobody else's end", func(t *testing.T) {
		st := play(t, "a", "b")
		st.fate["a"] = hang
		s := st.session()
		s.Step(1, "")
		synctest.Wait()
		time.AfterFunc(time.Millisecond, func() {
			if got := st.got("b"); !slices.Equal(got, []string{"1", "complete"}) {
				t.Errorf("b got %v", got)
			}
		})
		if told, took := end(s, "a", "b"); told || took > budget {
			t.Errorf("told %v after %s", told, took)
		}
	})
	bubble(t, "with the budget spent", func(t *testing.T) {
		st := play(t, "a")
		s := st.session()
		seq := s.Close()
		if s.End(t.Context(), complete(seq), seq, []string{"a"}, -time.Second) || st.tries["a"] != 0 {
			t.Errorf("told with %d tries", st.tries["a"])
		}
	})
	bubble(t, "gone counts as told", func(t *testing.T) {
		st := play(t, "a", "b")
		st.fate["a"] = streamer.ErrGone
		s := st.session()
		if told, took := end(s, "a", "b"); !told || took != 0 {
			t.Errorf("told %v after %s", told, took)
		}
	})
	bubble(t, "waits for a post that is under way", func(t *testing.T) {
		st := play(t, "a")
		st.fate["a"] = hang
		s := st.session()
		s.Step(1, "")
		synctest.Wait()
		st.set(func() { st.fate["a"] = nil })
		told, took := end(s, "a")
		if got := st.got("a"); !told || took < 5*time.Second || took > 6*time.Second || !slices.Equal(got, []string{"1", "complete"}) {
			t.Errorf("told %v after %s, a got %v", told, took, got)
		}
	})
	bubble(t, "no pulse afterwards", func(t *testing.T) {
		st := play(t, "a")
		st.fate["a"] = streamer.ErrThrottled
		s := st.session()
		end(s, "a")
		s.Report(1, "")
		s.Step(2, "")
		s.Stop()
		time.Sleep(time.Minute)
		if len(st.pulses) != 0 {
			t.Errorf("pulses at %v", st.pulses)
		}
	})
	bubble(t, "context ends", func(t *testing.T) {
		st := play(t, "a")
		st.fate["a"] = streamer.ErrThrottled
		s := st.session()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		seq := s.Close()
		start := time.Now()
		if told := s.End(ctx, complete(seq), seq, []string{"a"}, budget); told || time.Since(start) > time.Second {
			t.Errorf("told %v after %s", told, time.Since(start))
		}
	})
}

func TestTell(t *testing.T) {
	bubble(t, "everyone", func(t *testing.T) {
		st := play(t, "a", "b")
		st.row.Status, st.row.Seq = protocol.Completed, 3_000_007
		st.fate["a"] = errors.New("500")
		time.AfterFunc(time.Second, func() { st.set(func() { st.fate["a"] = nil }) })
		if !progress.Tell(t.Context(), clock.System{}, st, st.row, complete(st.row.Seq), budget) {
			t.Error("not told")
		}
		for _, c := range []string{"a", "b"} {
			if got := st.got(c); !slices.Equal(got, []string{"complete"}) {
				t.Errorf("%s got %v", c, got)
			}
		}
	})
	bubble(t, "nobody", func(t *testing.T) {
		st := play(t)
		if !progress.Tell(t.Context(), clock.System{}, st, st.row, complete(1), budget) {
			t.Error("not told")
		}
	})
}

// TestConcurrentReports is for the race detector.
func TestConcurrentReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := play(t, "a")
		s := st.session()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for n := range 500 {
					s.Report(float64(n), "m")
					if n%100 == 0 {
						s.Step(float64(n), "m")
						time.Sleep(time.Second)
					}
				}
			})
		}
		wg.Wait()
		if told, _ := end(s, "a"); !told {
			t.Error("not told")
		}
	})
}

type sink struct{}

func (sink) Send(context.Context, string, protocol.Frame) error { return nil }
func (sink) IsActive(string) bool                               { return true }

// BenchmarkReport is what a handler pays for a report while posts and pulses go on.
func BenchmarkReport(b *testing.B) {
	r := row("a", "b", "c")
	s := progress.Start(b.Context(), progress.NewTracker(r, clocks, time.Now()), clock.System{}, sink{},
		func(context.Context, lifecycle.Update) (lifecycle.Row, error) { return r, nil }, func(error) {})
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		s.Report(float64(n%100), "Rendering page 17 of 120")
		n++
	}
	b.StopTimer()
	s.Stop()
}
