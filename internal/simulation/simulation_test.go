package simulation

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Worlds are small and many: more garbage may lie before it is collected.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	m.Run()
}

// play runs one seed in time of its own.
func play(t *testing.T, seed uint64, b bug, verbose io.Writer) (w *world) {
	synctest.Test(t, func(t *testing.T) { w = simulate(context.WithoutCancel(t.Context()), seed, b, verbose) })
	return w
}

// report is what a seed that breaks a promise leaves behind.
func report(w *world, most int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "seed %d (STREAMER_SEED=%d replays it):\n", w.seed, w.seed)
	for _, text := range w.broken {
		fmt.Fprintf(&out, "  BROKEN: %s\n", text)
	}
	from := max(0, len(w.lines)-most)
	fmt.Fprintf(&out, "the last %d of %d events:\n", len(w.lines)-from, len(w.lines))
	for _, l := range w.lines[from:] {
		fmt.Fprintf(&out, "  %s\n", l)
	}
	return out.String()
}

func number(t *testing.T, name string, otherwise uint64) (n uint64, set bool) {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s is not a number: %q", name, text)
	}
	return n, true
}

// each plays seeds on all processors, until one says stop.
func each(t *testing.T, first, many uint64, b bug, look func(t *testing.T, w *world) (stop bool)) {
	t.Helper()
	next := atomic.Uint64{}
	next.Store(first)
	var stop atomic.Bool
	t.Run("seeds", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
				t.Parallel()
				for !stop.Load() {
					seed := next.Add(1) - 1
					if seed >= first+many {
						return
					}
					if look(t, play(t, seed, b, nil)) {
						stop.Store(true)
					}
				}
			})
		}
	})
}

func TestSimulation(t *testing.T) {
	if seed, one := number(t, "STREAMER_SEED", 0); one {
		b := bug{}
		if i := slices.IndexFunc(planted, func(b bug) bool { return b.name == os.Getenv("STREAMER_BUG") }); i >= 0 {
			b = planted[i]
		}
		w := play(t, seed, b, nil)
		t.Log(report(w, 1<<30))
		if len(w.broken) > 0 {
			t.Fail()
		}
		return
	}
	many, _ := number(t, "STREAMER_SEEDS", seeds)
	all := hold(t, many, bug{})
	t.Logf("what was seen, and how often:%s", all)
	if many >= enough {
		all.hold(t)
	}
}

// The queue alone brings every request to its end, as long as it loses nothing itself:
// without this, a bug that shows only where nobody reconciles would show nothing. What is
// handed over is in no queue.
func TestTheQueueHeals(t *testing.T) {
	stays := func(j *job) {
		if j.elsewhere() {
			j.Kind = succeeds
		}
	}
	hold(t, seeds/2, bug{noReconciler: true, job: stays, plan: func(p *plan) { p.recordLost, p.staleDelete, p.staleHold = 0, 0, 0 }})
}

// hold plays seeds, none of which may break a promise.
func hold(t *testing.T, many uint64, b bug) coverage {
	t.Helper()
	began := time.Now()
	var mu sync.Mutex
	var played, events, created, ended, claimed, broken int
	all := coverage{}
	first, _ := number(t, "STREAMER_FIRST", 1)
	each(t, first, many, b, func(t *testing.T, w *world) bool {
		mu.Lock()
		defer mu.Unlock()
		played++
		all.add(w.coverage)
		events, created, ended, claimed = events+len(w.lines), created+w.creations, ended+w.ends, claimed+w.claimed
		if len(w.broken) == 0 {
			return false
		}
		broken++
		t.Error(report(w, 80))
		return broken >= 5
	})
	took := time.Since(began)
	t.Logf("%d seeds in %s, %.1f a second: %d requests accepted, %d ended, %d attempts, %d events",
		played, took.Round(time.Millisecond), float64(played)/took.Seconds(), created, ended, claimed, events)
	return all
}

// A seed that is played again goes the same way, event by event.
func TestSeedsReplay(t *testing.T) {
	many, _ := number(t, "STREAMER_SEEDS", seeds/10)
	each(t, 1, many, bug{}, func(t *testing.T, w *world) bool {
		again := play(t, w.seed, bug{}, nil)
		if w.hash() == again.hash() {
			return false
		}
		for i := range min(len(w.lines), len(again.lines)) {
			if w.lines[i] != again.lines[i] {
				t.Errorf("seed %d goes another way at event %d of %d:\n%s\n%s", w.seed, i, len(w.lines), w.lines[i], again.lines[i])
				return false
			}
		}
		t.Errorf("seed %d has %d events, then %d", w.seed, len(w.lines), len(again.lines))
		return false
	})
}
