package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
)

// Table is a requests table with its ledgers.
type Table interface {
	store.Requests
	store.Ledgers
}

// ExerciseLedgers runs the part of the suite that is about ledgers.
func ExerciseLedgers(t *testing.T, open func(t *testing.T) Table) {
	for name, test := range map[string]func(*testing.T, Table, bench){
		"room":  testRoom,
		"race":  testRoomRace,
		"pace":  testPace,
		"look":  testLook,
		"rows":  testRows,
		"moved": testStrikeOfNothing,
	} {
		t.Run(name, func(t *testing.T) {
			table := open(t)
			test(t, table, newBench(table))
		})
	}
}

// ledger is one of the test's own.
func (b bench) ledger() string { return "L#storetest#0#T#" + b.tenant }

// taken fails the test unless the ledger took an entry; full returns what stood there.
func taken(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func full(t *testing.T, err error) store.Ledger {
	t.Helper()
	stood, ok := errors.AsType[*store.LedgerError](err)
	if !ok {
		t.Fatalf("err is %v, want a full ledger", err)
	}
	slices.Sort(stood.Ledger.Entries)
	return stood.Ledger
}

func testRoom(t *testing.T, s Table, b bench) {
	e := store.Entry{Most: 2, Now: b.now, Expires: b.now.Add(time.Hour)}
	enter := func(text string) error {
		e.Text = text
		return s.Enter(t.Context(), b.ledger(), e)
	}
	taken(t, enter("a 1"))
	taken(t, enter("b 1"))
	l := full(t, enter("c 1"))
	if !slices.Equal(l.Entries, []string{"a 1", "b 1"}) || l.TTL != e.Expires.Unix() || l.PaidTo != 0 {
		t.Errorf("there stood %+v", l)
	}
	taken(t, s.Strike(t.Context(), b.ledger(), []string{"a 1", "never there"}))
	taken(t, enter("c 1"))
	if l := full(t, enter("d 1")); !slices.Equal(l.Entries, []string{"b 1", "c 1"}) {
		t.Errorf("there stood %+v", l)
	}
	taken(t, s.Strike(t.Context(), b.ledger(), []string{"b 1", "c 1"})) // the set vanishes
	taken(t, enter("e 1"))
}

// testRoomRace has more come at once than there is room for.
func testRoomRace(t *testing.T, s Table, b bench) {
	const most, many = 5, 20
	var in atomic.Int64
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() {
			err := s.Enter(t.Context(), b.ledger(), store.Entry{Text: fmt.Sprint(n, " 1"), Most: most, Now: b.now, Expires: b.now.Add(time.Hour)})
			if err == nil {
				in.Add(1)
			} else if _, refused := errors.AsType[*store.LedgerError](err); !refused {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if in.Load() != most {
		t.Errorf("%d are in, want %d", in.Load(), most)
	}
}

func testPace(t *testing.T, s Table, b bench) {
	e := store.Entry{Every: time.Second, Ahead: 2 * time.Second, Expires: b.now.Add(time.Hour)}
	enter := func(after time.Duration, paid bool) error {
		e.Now, e.Paid = b.now.Add(after), paid
		return s.Enter(t.Context(), b.ledger(), e)
	}
	at := func(after time.Duration) int64 { return b.now.Add(after).UnixMicro() }
	full(t, enter(0, true)) // nothing is paid yet
	taken(t, enter(0, false))
	if l := full(t, enter(0, false)); l.PaidTo != at(time.Second) || len(l.Entries) != 0 {
		t.Errorf("there stood %+v", l)
	}
	taken(t, enter(0, true))
	taken(t, enter(0, true))
	if l := full(t, enter(0, true)); l.PaidTo != at(3*time.Second) {
		t.Errorf("there stood %+v", l)
	}
	taken(t, enter(time.Second, true))
	if l := full(t, enter(time.Second, true)); l.PaidTo != at(4*time.Second) {
		t.Errorf("there stood %+v", l)
	}
	full(t, enter(4*time.Second, true)) // exactly paid: not beyond
	taken(t, enter(4*time.Second, false))

	// Room and pace together: either of them refuses.
	e.Most, e.Text = 1, "a 1"
	full(t, enter(4*time.Second, false))
	taken(t, enter(4*time.Second, true))
	e.Text = "b 1"
	if l := full(t, enter(time.Hour, false)); !slices.Equal(l.Entries, []string{"a 1"}) || l.PaidTo != at(6*time.Second) {
		t.Errorf("there stood %+v", l)
	}
}

func testLook(t *testing.T, s Table, b bench) {
	look := func(after time.Duration) error {
		now := b.now.Add(after)
		return s.Look(t.Context(), b.ledger(), now, now.Add(-time.Second))
	}
	taken(t, look(0))
	if l := full(t, look(time.Second-time.Microsecond)); l.LookedAt != b.now.UnixMicro() {
		t.Errorf("there stood %+v", l)
	}
	taken(t, look(time.Second))
}

func testRows(t *testing.T, s Table, b bench) {
	ids := []string{b.key(0).ID}
	for n := 1; n <= store.MaxByUser+1; n++ { // over one batch
		ids = append(ids, b.key(n).ID)
	}
	want := map[string]lifecycle.Row{}
	for _, row := range []lifecycle.Row{b.running(1), b.terminal(store.MaxByUser + 1)} {
		if err := s.Create(t.Context(), row, b.now); err != nil {
			t.Fatal(err)
		}
		want[row.Key().ID] = row
	}
	rows, err := s.Rows(t.Context(), b.tenant, ids)
	if err != nil || len(rows) != len(want) {
		t.Fatalf("%d rows, err %v", len(rows), err)
	}
	for id, row := range want {
		if rows[id].Status != row.Status {
			t.Errorf("%s is %s, want %s", id, rows[id].Status, row.Status)
		}
	}
	if rows, err := s.Rows(t.Context(), "another"+b.tenant, ids); err != nil || len(rows) != 0 {
		t.Errorf("another tenant has %v, err %v", rows, err)
	}
}

func testStrikeOfNothing(t *testing.T, s Table, b bench) {
	taken(t, s.Strike(t.Context(), b.ledger(), []string{"a 1"}))
	taken(t, s.Enter(t.Context(), b.ledger(), store.Entry{Text: "a 1", Most: 1, Now: b.now, Expires: b.now.Add(time.Hour)}))
}
