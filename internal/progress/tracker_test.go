package progress_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/protocol"
)

var clocks = progress.Clocks{Lease: 30 * time.Second, Pulse: 2 * time.Second, PulseIdle: 10 * time.Second, Interval: 250 * time.Millisecond}

const fence = 3

func row(watchers ...string) lifecycle.Row {
	return lifecycle.Row{
		PK: lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"}.PK(), Status: protocol.Processing,
		Fence: fence, Attempt: 2, Ref: "r", Watchers: watchers,
	}
}

// event is what a frame of a request says of itself.
func event(f protocol.Frame) protocol.Event {
	switch f := f.(type) {
	case protocol.Progress:
		return f.Event
	case protocol.RetryingFrame:
		return f.Event
	case protocol.Complete:
		return f.Event
	case protocol.FailedFrame:
		return f.Event
	case protocol.CancelledFrame:
		return f.Event
	}
	panic(fmt.Sprintf("not a frame of a request: %T", f))
}

func complete(seq int64) protocol.Frame {
	return protocol.Complete{Event: protocol.Event{RequestID: "01JGH00000000000000000000A", Seq: seq}, Result: []byte("1")}
}

// script drives a tracker by hand: it takes what is due, and tells what became of it.
type script struct {
	*progress.Tracker
	t    *testing.T
	now  time.Time
	fate map[string]error    // of posts, by connection
	got  map[string][]string // what arrived, by connection: percentage, or type
	seqs map[string][]int64
}

func begin(t *testing.T, watchers ...string) *script {
	now := time.UnixMilli(1_767_225_600_000)
	return &script{
		Tracker: progress.NewTracker(row(watchers...), clocks, now), t: t, now: now,
		fate: map[string]error{}, got: map[string][]string{}, seqs: map[string][]int64{},
	}
}

// run lets time pass and posts what comes due.
func (s *script) run(d time.Duration) {
	s.t.Helper()
	for end := s.now.Add(d); ; {
		s.flush()
		at, waits := s.Wake(s.now)
		if waits && !at.After(s.now) {
			s.t.Fatalf("nothing is due, and yet it wakes %s ago", s.now.Sub(at))
		}
		if !waits || at.After(end) {
			s.now = end
			return
		}
		s.now = at
	}
}

func (s *script) flush() {
	for n := 0; ; n++ {
		p, ok := s.Next(s.now)
		if !ok {
			return
		}
		if n > 1000 {
			s.t.Fatal("posts without end")
		}
		err := s.fate[p.Connection]
		if err == nil {
			what := string(p.Frame.Type())
			if f, ok := p.Frame.(protocol.Progress); ok {
				what = fmt.Sprint(f.Percentage)
			}
			s.got[p.Connection] = append(s.got[p.Connection], what)
			s.seqs[p.Connection] = append(s.seqs[p.Connection], event(p.Frame).Seq)
		}
		s.Posted(p, err, s.now)
	}
}

func (s *script) report(percentage float64) { s.Report(percentage, "", s.now) }
func (s *script) step(percentage float64)   { s.Step(percentage, "", s.now) }

func (s *script) pulse(watchers ...string) lifecycle.Update {
	u := s.Pulse(s.now)
	s.Pulsed(row(watchers...), s.now)
	return u
}

func (s *script) end(watchers ...string) {
	seq := s.Close(s.now)
	s.End(complete(seq), seq, watchers)
}

func (s *script) want(connection string, want ...string) {
	s.t.Helper()
	if !slices.Equal(s.got[connection], want) {
		s.t.Errorf("%s got %v, want %v", connection, s.got[connection], want)
	}
	if seqs := s.seqs[connection]; !slices.IsSorted(seqs) || len(slices.Compact(slices.Clone(seqs))) != len(seqs) {
		s.t.Errorf("%s got the numbers %v", connection, seqs)
	}
}

func TestFirstAndNewest(t *testing.T) {
	s := begin(t, "a")
	for p := range 10 {
		s.report(float64(p))
	}
	s.run(0)
	s.want("a", "0") // the first at once
	s.run(clocks.Interval)
	s.want("a", "0", "9")
	s.report(10)
	s.run(clocks.Interval - 1)
	s.want("a", "0", "9")
	s.run(1)
	s.want("a", "0", "9", "10")
	s.report(11) // an interval has not passed since the last
	s.end("a")
	s.run(0)
	s.want("a", "0", "9", "10", "11", "complete") // the last and the terminal one, at once
	if !s.Told() {
		t.Error("not told")
	}
}

func TestFrames(t *testing.T) {
	s := begin(t, "a")
	s.Report(12.5, "Querying…", s.now)
	p, ok := s.Next(s.now)
	want := protocol.Progress{
		Event:      protocol.Event{RequestID: "01JGH00000000000000000000A", Ref: "r", Seq: 3_000_001, TS: s.now.UnixMilli()},
		Percentage: 12.5, Message: "Querying…", Attempt: 2,
	}
	if !ok || p.Frame != want || p.Connection != "a" {
		t.Errorf("got %+v, want %+v", p, want)
	}
}

func TestNothingReported(t *testing.T) {
	s := begin(t, "a")
	s.run(time.Second)
	s.want("a")
	s.end("a")
	s.run(0)
	s.want("a", "complete")
}

func TestPercentages(t *testing.T) {
	s := begin(t, "a")
	for _, p := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		s.step(p)
	}
	s.run(0)
	s.want("a")
	for _, p := range []float64{-5, 20, 10, 1e300, 99} {
		s.step(p)
	}
	s.run(0)
	s.want("a", "0", "20", "20", "100", "100")
	if u := s.pulse("a"); u.Set["percentage"] != 100.0 {
		t.Errorf("stored: %v", u.Set["percentage"])
	}
}

// What a table would not take costs no request its lease.
func TestTinyPercentages(t *testing.T) {
	for p, want := range map[float64]float64{math.SmallestNonzeroFloat64: 0, 9.9e-131: 0, 1e-130: 1e-130, 1e-9: 1e-9} {
		s := begin(t, "a")
		s.step(p)
		if u := s.pulse("a"); u.Set["percentage"] != want {
			t.Errorf("%v: stored %v, want %v", p, u.Set["percentage"], want)
		}
	}
}

func TestMessages(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "short": "short",
		strings.Repeat("x", 200): strings.Repeat("x", 200), strings.Repeat("x", 201): strings.Repeat("x", 200),
		strings.Repeat("x", 199) + "ä":  strings.Repeat("x", 199),
		strings.Repeat("x", 198) + "ää": strings.Repeat("x", 198) + "ä",
		strings.Repeat("漢", 100):        strings.Repeat("漢", 66),
		"a\xffb":                        "a\uFFFDb",
		strings.Repeat("\xff", 300):     "\uFFFD", // one for a run
	} {
		s := begin(t, "a")
		s.Report(1, in, s.now)
		p, _ := s.Next(s.now)
		if got := p.Frame.(protocol.Progress).Message; got != want || !utf8.ValidString(got) {
			t.Errorf("%.20q…: got %q", in, got)
		}
	}
	if got := progress.Cut("ä", 1); got != "" {
		t.Errorf("no room for one character: got %q", got)
	}
}

func TestMarks(t *testing.T) {
	s := begin(t, "a")
	s.fate["a"] = streamer.ErrThrottled
	s.report(0.5)
	for n := range 120 {
		s.step(float64(n) / 2)
	}
	s.run(10 * time.Second)
	s.fate["a"] = nil
	s.run(10 * time.Second)
	got := s.got["a"]
	if len(got) != 101 || got[0] != "0.5" || got[99] != "49" || got[100] != "59.5" {
		t.Errorf("%d frames, first %s, last %s: want 100 marks and the newest", len(got), got[0], got[len(got)-1])
	}
	s.end("a")
	s.run(0)
	if got := s.got["a"]; len(got) != 102 || got[101] != "complete" {
		t.Errorf("last of %d is %s", len(got), got[len(got)-1])
	}
}

func TestThrottledLane(t *testing.T) {
	s := begin(t, "slow", "fast")
	s.fate["slow"] = streamer.ErrThrottled
	s.report(0)
	for n := 1; n <= 40; n++ {
		if n%10 == 0 {
			s.step(float64(n))
		} else {
			s.report(float64(n))
		}
		s.run(clocks.Interval)
	}
	if got := len(s.got["fast"]); got != 41 {
		t.Errorf("the other lane got %d of 41 frames", got)
	}
	s.want("slow")
	s.report(41)
	s.run(clocks.Interval)
	s.fate["slow"] = nil
	s.run(2 * time.Second) // the longest back-off
	s.want("slow", "0", "10", "20", "30", "40", "41")
}

func TestBackoff(t *testing.T) {
	s := begin(t, "a")
	s.report(1)
	for _, want := range []time.Duration{100, 200, 400, 800, 1600, 2000, 2000} {
		p, ok := s.Next(s.now)
		if !ok {
			t.Fatal("nothing is due")
		}
		s.Posted(p, errors.New("500"), s.now)
		if _, ok := s.Next(s.now); ok {
			t.Fatal("due at once again")
		}
		at, waits := s.Wake(s.now)
		if got := at.Sub(s.now); !waits || got != want*time.Millisecond {
			t.Errorf("pause %s, want %s", got, want*time.Millisecond)
		}
		s.now = at
	}
	s.run(0) // it gets through, and the next pause is a short one again
	s.step(2)
	p, _ := s.Next(s.now)
	s.Posted(p, streamer.ErrThrottled, s.now)
	if at, _ := s.Wake(s.now); at.Sub(s.now) != 100*time.Millisecond {
		t.Errorf("pause after a success: %s", at.Sub(s.now))
	}
}

func TestRefusedForGood(t *testing.T) {
	for _, err := range []error{streamer.ErrTooLarge, fmt.Errorf("%w: no grant", streamer.ErrDenied)} {
		s := begin(t, "a")
		s.fate["a"] = err
		s.step(1)
		s.end("a")
		s.run(time.Minute)
		if !s.Told() {
			t.Errorf("%v: tried without end", err)
		}
	}
}

func TestGone(t *testing.T) {
	s := begin(t, "a", "b")
	s.fate["b"] = fmt.Errorf("post: %w", streamer.ErrGone)
	s.step(1)
	s.run(0)
	s.fate["b"] = nil
	if u := s.Pulse(s.now); !slices.Equal(u.Leave, []string{"b"}) {
		t.Errorf("told to leave: %v", u.Leave)
	}
	s.PulseFailed()
	s.step(2)
	s.run(0)
	if u := s.pulse("a", "b"); !slices.Equal(u.Leave, []string{"b"}) { // the row still has it
		t.Errorf("told to leave after a failed pulse: %v", u.Leave)
	}
	s.step(3)
	s.run(0)
	if u := s.pulse("a"); !slices.Equal(u.Leave, []string{"b"}) {
		t.Errorf("told to leave: %v", u.Leave)
	}
	if u := s.pulse("a"); len(u.Leave) != 0 {
		t.Errorf("told to leave once more: %v", u.Leave)
	}
	s.end("a", "b")
	s.run(0)
	s.want("a", "1", "2", "3", "complete")
	s.want("b", "3", "complete") // the row had dropped it: it came anew
}

func TestNewWatcher(t *testing.T) {
	s := begin(t, "a")
	s.step(10)
	s.step(20)
	s.run(time.Second)
	s.pulse("a", "b")
	s.run(0)
	s.want("b", "20") // the newest, though a mark: what it was told on joining may be older
	s.report(30)
	s.run(clocks.Interval)
	s.pulse("a", "b", "c")
	s.run(0)
	s.want("c", "30")
	s.end("a", "b", "c", "d") // and one that came just before the end
	s.run(0)
	s.want("a", "10", "20", "30", "complete")
	s.want("b", "20", "30", "complete")
	s.want("d", "30", "complete")
}

func TestUnwatched(t *testing.T) {
	s := begin(t, "a", "b")
	s.step(1)
	s.run(0)
	s.pulse("a")
	s.step(2)
	s.run(0)
	s.want("b", "1")
}

// TestComesBackDuringAPost takes a watcher away and gives it back while a post to it is
// under way: what became of that post says nothing about the new watch.
func TestComesBackDuringAPost(t *testing.T) {
	for _, fate := range []error{nil, streamer.ErrThrottled, streamer.ErrGone} {
		s := begin(t, "a", "b")
		s.step(1)
		s.run(0)
		s.step(2)
		p, _ := s.Next(s.now)
		s.pulse()
		s.pulse("a", "b")
		s.Posted(p, fate, s.now)
		s.step(3)
		s.end("a", "b")
		s.run(time.Second)
		for _, c := range []string{"a", "b"} {
			if got := s.got[c]; len(got) < 2 || !slices.Equal(got[len(got)-2:], []string{"3", "complete"}) {
				t.Errorf("after %v: %s got %v", fate, c, got)
			}
		}
	}
}

func TestLease(t *testing.T) {
	s := begin(t, "a")
	s.step(1)
	s.now = s.now.Add(clocks.Lease - 1)
	s.run(0)
	s.want("a", "1")
	s.step(2)
	s.now = s.now.Add(1)
	s.run(time.Second)
	s.want("a", "1") // certain or not, someone else may have the request
	if at, waits := s.Wake(s.now); waits {
		t.Errorf("wakes at %s", at)
	}
	s.pulse("a")
	s.run(0)
	s.want("a", "1", "2")
	s.Lose(s.now)
	s.step(3)
	s.run(time.Second)
	s.want("a", "1", "2")
	s.end("a") // the row was written after all
	s.now = s.now.Add(time.Hour)
	s.run(0)
	s.want("a", "1", "2", "3", "complete")
}

func TestLeaseCountsFromTheCall(t *testing.T) {
	s := begin(t, "a")
	called := s.now.Add(5 * time.Second)
	s.Pulse(called)
	s.Pulsed(row("a"), called)
	if got := s.LeaseEnd(); !got.Equal(called.Add(clocks.Lease)) {
		t.Errorf("lease ends %s", got)
	}
}

func TestNextPulse(t *testing.T) {
	s := begin(t, "a")
	want := func(d time.Duration) {
		t.Helper()
		if got := s.NextPulse().Sub(s.now); got != d {
			t.Errorf("next pulse in %s, want %s", got, d)
		}
	}
	want(clocks.PulseIdle)
	s.report(1)
	want(clocks.Pulse)
	s.Pulse(s.now)
	want(clocks.PulseIdle)
	s.report(2) // while the pulse is under way
	s.Pulsed(row("a"), s.now)
	want(clocks.Pulse)
	s.Pulse(s.now)
	s.PulseFailed()
	want(clocks.Pulse)
}

// TestStoredNumber: whoever subscribes is told the stored number, and drops what is not
// above it.
func TestStoredNumber(t *testing.T) {
	s := begin(t, "a")
	stored := func() int64 { return s.pulse("a").Set["seq"].(int64) }
	if got := stored(); got != lifecycle.Seq(fence, 0) {
		t.Errorf("before the first report: %d", got)
	}
	s.step(1)
	if got := stored(); got != lifecycle.Seq(fence, 1) {
		t.Errorf("after one: %d", got)
	}
	s.report(2)
	s.run(clocks.Interval)
	if got := stored(); got != lifecycle.Seq(fence, 2) {
		t.Errorf("after two: %d", got)
	}
	seq := s.Close(s.now)
	if got := stored(); got >= seq {
		t.Errorf("a pulse stores %d while the terminal frame %d is on its way", got, seq)
	}
	s.Reopen()
	s.step(3)
	s.run(0)
	again := s.Close(s.now)
	if last := s.seqs["a"][2]; last <= seq || again <= last {
		t.Errorf("numbers %d, then %d, then %d", seq, last, again)
	}
}

// TestNumbersLast: whoever reports all the time until the longest deadline passes takes none of
// the numbers of the claim after it, which a client would then drop.
func TestNumbersLast(t *testing.T) {
	for _, interval := range []time.Duration{time.Millisecond, clocks.Interval} {
		s := begin(t)
		often := clocks
		often.Interval = interval
		s.Tracker = progress.NewTracker(row(), often, s.now)
		frames := 0
		for end := s.now.Add(protocol.MaxDeadline); s.now.Before(end); frames++ {
			s.report(float64(frames) / 1e7)
			if at, waits := s.Wake(s.now); waits {
				s.now = at
			}
			s.Pulsed(row(), s.now)
			s.Next(s.now)
			if frames > 2_000_000 {
				break
			}
		}
		if last, next := s.Close(s.now), lifecycle.Seq(fence+1, 0); last >= next {
			t.Errorf("every %s: the last of %d frames is %d, the first of the next claim %d", interval, frames, last, next)
		}
	}
}

func TestClosed(t *testing.T) {
	s := begin(t, "a")
	s.step(1)
	s.run(0)
	s.Close(s.now)
	s.step(2)
	s.report(3)
	s.run(time.Minute)
	s.want("a", "1")
}

func TestGoesOnFromTheRow(t *testing.T) {
	s := begin(t, "a")
	r := row("a")
	r.Percentage, r.Message, r.Seq = 40, "so far", lifecycle.Seq(fence-1, 9)
	s.Tracker = progress.NewTracker(r, clocks, s.now)
	if u := s.pulse("a"); u.Set["percentage"] != 40.0 || u.Set["message"] != "so far" || u.Set["seq"] != lifecycle.Seq(fence, 0) {
		t.Errorf("an idle pulse stores %v", u.Set)
	}
	s.run(time.Second)
	s.want("a") // nothing was reported in this run
	s.report(10)
	s.run(time.Second)
	s.report(41)
	s.run(time.Second)
	s.want("a", "40", "41")
}

func TestLeave(t *testing.T) {
	s := begin(t, "a", "b")
	s.fate["b"] = streamer.ErrThrottled
	s.step(1)
	s.run(0)
	s.report(2)
	seq := s.Close(s.now)
	if got := s.State(); got != (lifecycle.State{Percentage: 2, Seq: seq - 1}) {
		t.Errorf("state %+v", got)
	}
	s.now = s.now.Add(clocks.Lease) // it is of no more use
	s.Leave([]string{"a", "b", "c"})
	s.run(0)
	if s.Told() {
		t.Error("b has not heard of the step")
	}
	delete(s.fate, "b")
	s.run(time.Minute)
	s.want("a", "1", "2")
	s.want("b", "1", "2")
	s.want("c", "2")
	if !s.Told() {
		t.Error("not everyone is told")
	}
}

func TestNobodyWatches(t *testing.T) {
	s := begin(t)
	s.step(1)
	s.report(2)
	s.run(time.Second)
	if _, waits := s.Wake(s.now); waits {
		t.Error("wakes for nobody")
	}
	s.end()
	if !s.Told() {
		t.Error("nobody is not told")
	}
}
