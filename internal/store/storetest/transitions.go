package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// testTransitions carries every case out.
func testTransitions(t *testing.T, b bench) {
	for _, c := range b.transitions() {
		t.Run(c.Name, func(t *testing.T) {
			row := c.Row
			b.put(t, row)
			got, err := b.Update(t.Context(), b.keyOf(row), c.Update)
			if c.Want == nil {
				refusedWith(t, err, row)
				b.stands(t, row)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			same(t, "row after", got, *c.Want)
			b.stands(t, *c.Want)
		})
	}
}

func testWatch(t *testing.T, b bench) {
	row := b.running(0)
	b.put(t, row)
	watch := func(c string) (lifecycle.Row, error) {
		return b.Update(t.Context(), b.keyOf(row), lifecycle.Watch(user, c))
	}
	for n := 1; n < protocol.MaxWatchers; n++ { // the submitter is the first
		c := fmt.Sprint("c", n)
		row.Watchers = append(row.Watchers, c)
		for range 2 { // a second time changes nothing
			got, err := watch(c)
			if err != nil {
				t.Fatalf("watcher %d: %v", n, err)
			}
			same(t, "after "+c, got, row)
		}
	}
	_, err := watch("one more")
	refusedWith(t, err, row)
	for _, c := range []string{"c0", "c9"} { // those who watch may say so again
		got, err := watch(c)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "full, again", got, row)
	}
	if _, err := b.Update(t.Context(), b.keyOf(row), lifecycle.Unwatch(user, "c4")); err != nil {
		t.Fatal(err)
	}
	if _, err := watch("one more"); err != nil {
		t.Errorf("a place is free, and yet: %v", err)
	}

	t.Run("nobody watches", func(t *testing.T) {
		row := b.terminal(1)
		row.Watchers = nil
		b.put(t, row)
		got, err := b.Update(t.Context(), b.keyOf(row), lifecycle.Watch(user, "c1"))
		if err != nil {
			t.Fatal(err)
		}
		row.Watchers = []string{"c1"}
		same(t, "first watcher", got, row)
	})
	t.Run("at once", func(t *testing.T) {
		row := b.running(2)
		b.put(t, row)
		var wg sync.WaitGroup
		var in, out, other counter
		for n := range 16 {
			wg.Go(func() {
				_, err := b.Update(t.Context(), b.keyOf(row), lifecycle.Watch(user, fmt.Sprint("d", n)))
				switch _, refused := errors.AsType[*store.RefusedError](err); {
				case err == nil:
					in.add()
				case refused:
					out.add()
				default:
					other.add()
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if in.n != protocol.MaxWatchers-1 || out.n != 16-in.n {
			t.Errorf("%d joined, %d were refused", in.n, out.n)
		}
	})
}

func testLeave(t *testing.T, b bench) {
	row := b.running(0)
	row.Watchers = []string{"c0", "c1"}
	b.put(t, row)
	for _, step := range []struct {
		leave string
		want  []string
	}{{"c9", []string{"c0", "c1"}}, {"c0", []string{"c1"}}, {"c0", []string{"c1"}}, {"c1", nil}, {"c1", nil}} {
		got, err := b.Update(t.Context(), b.keyOf(row), lifecycle.Unwatch(user, step.leave))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(sorted(got.Watchers), sorted(step.want)) {
			t.Errorf("after %s left: %v, want %v", step.leave, got.Watchers, step.want)
		}
	}
}

// testClaimRace lets many claim at once: one gets the request, and the others learn of
// it.
func testClaimRace(t *testing.T, b bench) {
	for round, from := range []func(int) lifecycle.Row{b.row, func(n int) lifecycle.Row {
		r := b.running(n)
		r.LeaseUntil = ms(b.now) - 1
		return r
	}} {
		row := from(round)
		b.put(t, row)
		const workers = 16
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := map[string]lifecycle.Row{}
		lost := map[string]lifecycle.Row{}
		for n := range workers {
			owner := fmt.Sprint("o", n)
			wg.Go(func() {
				got, err := b.Update(t.Context(), b.keyOf(row), lifecycle.Claim(fmt.Sprint("m", n), owner, b.now, lease))
				mu.Lock()
				defer mu.Unlock()
				if refused, ok := errors.AsType[*store.RefusedError](err); ok {
					lost[owner] = refused.Row
				} else if err == nil {
					won[owner] = got
				} else {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 || len(lost) != workers-1 {
			t.Fatalf("%d won and %d lost, of %d", len(won), len(lost), workers)
		}
		for winner, got := range won {
			if got.Fence != row.Fence+1 || got.Attempt != row.Attempt+1 || got.Owner != winner {
				t.Errorf("winner %s has fence %d, attempt %d, owner %s", winner, got.Fence, got.Attempt, got.Owner)
			}
			for loser, stood := range lost {
				same(t, "what "+loser+" was told", stood, got)
			}
		}
	}
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add() {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
}
