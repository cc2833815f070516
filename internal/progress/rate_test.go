package progress_test

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/protocol"
)

// last keeps the last progress of each connection.
type last struct {
	mu   sync.Mutex
	said map[string]string
}

func (l *last) Send(_ context.Context, id string, f protocol.Frame) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := f.(protocol.Progress); ok {
		l.said[id] = p.Message
	}
	return nil
}

func (*last) IsActive(string) bool { return true }

// BenchmarkReport100000 reports 100,000 times a second for a second, as a handler would that
// reports at each of its rounds, and tells what share of a core that takes, posts and pulses
// included, and the waiting of the rounds themselves not. It fails if the newest report does
// not go out.
func BenchmarkReport100000(b *testing.B) {
	const each, bursts = 100, 1000 // in a millisecond, in a second
	messages := make([]string, each)
	for i := range messages {
		messages[i] = fmt.Sprintf("Rendering page %d of 120", i)
	}
	second := func(report func(percentage float64, message string)) (share float64) {
		began, cpu := time.Now(), processorTime(b)
		for burst := range bursts {
			for i, message := range messages {
				report(float64(burst*each+i)/(each*bursts)*100, message)
			}
			time.Sleep(time.Until(began.Add(time.Duration(burst+1) * time.Second / bursts)))
		}
		return (processorTime(b) - cpu).Seconds() / time.Since(began).Seconds()
	}
	var share float64
	for b.Loop() {
		share = -second(func(float64, string) {})
		told := &last{said: map[string]string{}}
		r := row("a")
		s := progress.Start(b.Context(), progress.NewTracker(r, clocks, time.Now()), clock.System{}, told,
			func(context.Context, lifecycle.Update) (lifecycle.Row, error) { return r, nil }, func(error) {})
		share += second(s.Report)
		s.Report(100, "Done")
		time.Sleep(2 * clocks.Interval)
		s.Stop()
		if newest := told.said["a"]; newest != "Done" {
			b.Fatalf("the newest report is Done, and %q went out last", newest)
		}
	}
	b.ReportMetric(100*share, "%core")
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
