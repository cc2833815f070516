package progress_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/protocol"
)

// TestLanes does anything in any order and then ends the attempt: per lane numbers rise,
// what is certain arrives exactly once at everyone who was there all the time, and
// everyone's last frame is the terminal one, the newest report before it.
func TestLanes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(1_767_225_600_000)
		all := []string{"a", "b", "c", "d"}
		watching := []string{"a", "b"}
		tr := progress.NewTracker(row(watching...), clocks, now)
		var marks []float64 // percentages of the certain frames
		var newest float64
		constant := map[string]bool{"a": true, "b": true} // watched all the time
		gone := map[string]bool{}
		got := map[string][]protocol.Frame{}
		last := map[string]int64{}
		reported := 0.0
		next := func() float64 { // each report is recognised by its percentage
			reported += 0.001
			newest = reported
			return reported
		}
		var under []progress.Post // way
		begin := func() bool {
			p, ok := tr.Next(now)
			if !ok {
				return false
			}
			if gone[p.Connection] {
				t.Fatalf("a post to %s, which is gone", p.Connection)
			}
			if slices.ContainsFunc(under, func(u progress.Post) bool { return u.Connection == p.Connection }) {
				t.Fatalf("a second post to %s at once", p.Connection)
			}
			if seq := event(p.Frame).Seq; seq <= last[p.Connection] {
				t.Fatalf("%s is sent %d after it took %d", p.Connection, seq, last[p.Connection])
			}
			under = append(under, p)
			return true
		}
		finish := func(fates []error) bool {
			if len(under) == 0 {
				return false
			}
			at := rapid.IntRange(0, len(under)-1).Draw(t, "which")
			p := under[at]
			under = slices.Delete(under, at, at+1)
			err := rapid.SampledFrom(fates).Draw(t, "fate")
			switch {
			case err == nil, errors.Is(err, streamer.ErrTooLarge):
				last[p.Connection] = event(p.Frame).Seq
				got[p.Connection] = append(got[p.Connection], p.Frame)
			case errors.Is(err, streamer.ErrGone):
				gone[p.Connection] = true
			}
			tr.Posted(p, err, now)
			return true
		}
		pulse := func(failed bool) {
			u := tr.Pulse(now)
			if failed {
				tr.PulseFailed()
				return
			}
			watching = slices.DeleteFunc(watching, func(c string) bool { return slices.Contains(u.Leave, c) })
			tr.Pulsed(row(watching...), now)
		}
		fates := []error{nil, nil, nil, streamer.ErrThrottled, errors.New("503"), streamer.ErrGone, streamer.ErrTooLarge}
		for range rapid.IntRange(1, 150).Draw(t, "operations") {
			switch rapid.IntRange(0, 9).Draw(t, "operation") {
			case 0, 1:
				p := next()
				tr.Report(p, "", now)
				if len(marks) == 0 {
					marks = append(marks, p)
				}
			case 2:
				for range rapid.SampledFrom([]int{1, 1, 1, 1, 30}).Draw(t, "steps") {
					p := next()
					tr.Step(p, "", now)
					if len(marks) < 100 {
						marks = append(marks, p)
					}
				}
			case 3, 4:
				begin()
			case 5, 6:
				finish(fates)
			case 7:
				now = now.Add(time.Duration(rapid.IntRange(1, 3_000).Draw(t, "ms")) * time.Millisecond)
			case 8:
				pulse(rapid.Bool().Draw(t, "failed"))
			case 9:
				c := rapid.SampledFrom(all).Draw(t, "connection")
				if at := slices.Index(watching, c); at >= 0 {
					watching = slices.Delete(watching, at, at+1)
					constant[c] = false
				} else if !gone[c] && !constant[c] && last[c] == 0 && !slices.ContainsFunc(under, func(u progress.Post) bool { return u.Connection == c }) {
					watching = append(watching, c)
				}
			}
			if at, waits := tr.Wake(now); waits && !at.After(now) && !begin() {
				if at, waits := tr.Wake(now); waits && !at.After(now) {
					t.Fatal("nothing is due, and yet it wakes at once")
				}
			}
			if tr.Busy() && len(under) == 0 {
				t.Fatal("busy with nothing")
			}
		}
		seq := tr.Close(now)
		pulse(false) // one that was under way
		tr.End(complete(seq), seq, watching)
		for n := 0; !tr.Told(); n++ {
			if n > 10_000 {
				t.Fatal("never told")
			}
			if !begin() && !finish([]error{nil, nil, nil, streamer.ErrThrottled, streamer.ErrGone}) {
				at, waits := tr.Wake(now)
				if !waits || !at.After(now) {
					t.Fatalf("not told, and nothing due until %v (%v)", at, waits)
				}
				now = at
			}
		}
		for _, c := range watching {
			if gone[c] {
				continue
			}
			frames := got[c]
			if len(frames) == 0 || event(frames[len(frames)-1]).Seq != seq {
				t.Fatalf("%s was not told the end", c)
			}
			if len(frames) > 1 && last[c] != seq {
				t.Fatalf("%s took something after the end", c)
			}
			if reported > 0 {
				if f, ok := frames[max(len(frames)-2, 0)].(protocol.Progress); !ok || f.Percentage != newest {
					t.Fatalf("%s was not told the last report", c)
				}
			}
			if !constant[c] {
				continue
			}
			for _, p := range marks {
				n := 0
				for _, f := range frames {
					if f, ok := f.(protocol.Progress); ok && f.Percentage == p {
						n++
					}
				}
				if n != 1 {
					t.Fatalf("%s got mark %v %d times", c, p, n)
				}
			}
		}
		if stored := tr.Pulse(now).Set["seq"].(int64); stored >= seq || stored < lifecycle.Seq(fence, 0) {
			t.Fatalf("stored number %d, terminal %d", stored, seq)
		}
	})
}
