package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

func testCreate(t *testing.T, b bench) {
	t.Run("vacant", func(t *testing.T) {
		b.put(t, b.row(0))
		b.stands(t, b.row(0))
	})
	t.Run("occupied", func(t *testing.T) {
		old := b.running(1)
		b.put(t, old)
		other := b.row(1)
		other.PK, other.Submission = old.PK, "another"
		refusedWith(t, b.Create(t.Context(), other, b.now), old)
		b.stands(t, old)
	})
	t.Run("occupied by a terminal one", func(t *testing.T) {
		old := b.terminal(2)
		b.put(t, old)
		other := b.row(2)
		other.PK = old.PK
		refusedWith(t, b.Create(t.Context(), other, time.Unix(old.TTL-1, 0)), old)
		b.stands(t, old)
	})
	t.Run("expired", func(t *testing.T) {
		old := b.terminal(3)
		b.put(t, old)
		other := b.row(3)
		other.PK, other.Status = old.PK, protocol.Retrying // as much as a stage may see
		if err := b.Create(t.Context(), other, time.Unix(old.TTL, 0)); err != nil {
			t.Fatal(err)
		}
		b.stands(t, other) // nothing of the old one is left
	})
}

func testGet(t *testing.T, b bench) {
	row, exists, err := b.Get(t.Context(), b.key(0))
	if err != nil || exists || row.PK != "" {
		t.Errorf("unknown: got %+v, %v, %v", row, exists, err)
	}
	b.put(t, b.running(0))
	foreign := b.key(0)
	foreign.Tenant += "x"
	if _, exists, err := b.Get(t.Context(), foreign); exists || err != nil {
		t.Errorf("foreign tenant: got %v, %v", exists, err)
	}
}

func testNumbers(t *testing.T, b bench) {
	row := b.running(0)
	row.Fence = 999_999_999
	row.Seq = lifecycle.Seq(row.Fence, 999_998)
	row.CreatedAt, row.DeadlineAt = 1_767_225_599_999, 4_102_444_799_999
	row.Percentage = math.Nextafter(33, 34)
	row.ResultSize = math.MaxInt64
	b.put(t, row)
	b.stands(t, row)

	want := row
	want.Percentage, want.Message, want.Seq = 100.0/3, "x", lifecycle.Seq(row.Fence, 999_999)
	want.LeaseUntil = ms(b.now.Add(2 * lease))
	got, err := b.Update(t.Context(), b.key(0), lifecycle.Pulse(row.Fence,
		lifecycle.State{Percentage: want.Percentage, Message: "x", Seq: want.Seq}, b.now.Add(lease), lease, nil))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "after pulse", got, want)

	// A fence that differs by one only is another.
	_, err = b.Update(t.Context(), b.key(0), lifecycle.Pulse(row.Fence+1, lifecycle.State{}, b.now, lease, nil))
	refusedWith(t, err, want)

	u, _ := lifecycle.Cancel(want, b.now)
	if _, err := b.Update(t.Context(), b.key(0), u); err != nil {
		t.Fatal(err)
	}
	want.CancelAt = ms(b.now)
	got, err = b.Update(t.Context(), b.key(0), lifecycle.End(want, lifecycle.ReasonOverdue, "", b.now))
	if err != nil {
		t.Fatal(err)
	}
	if got.Fence != 1_000_000_000 || got.Seq != 1_000_000_000_000_001 {
		t.Errorf("after end: fence %d, seq %d", got.Fence, got.Seq)
	}
}

// text has what could be taken for something else: reserved words and placeholders of
// expressions, quotes, controls, text outside the first plane.
var text = []string{
	"status", "#status", ":v0", "size(watchers)", "a AND b OR NOT c", `"quoted" 'single' \back`,
	"größer 漢字 \U0001F680 e\u0301", "tab\tnew\nline\u0001", strings.Repeat("x", 2000), " ",
}

func testText(t *testing.T, b bench) {
	for i, s := range text {
		row := b.running(i)
		row.User, row.Message, row.Carrier, row.Owner, row.Ref, row.Payload, row.Error = s, s, s, s, s, s, s
		row.Watchers = []string{s}
		b.put(t, row)
		b.stands(t, row)
		got, err := b.Update(t.Context(), row.Key(), lifecycle.Watch(s, s+"2"))
		if err != nil {
			t.Fatalf("watch as %q: %v", s, err)
		}
		row.Watchers = append(row.Watchers, s+"2")
		same(t, "after watch", got, row)
		if _, err = b.Update(t.Context(), row.Key(), lifecycle.Watch(s+"?", s)); err == nil {
			t.Errorf("user %q: another may watch", s)
		}
		got, err = b.Update(t.Context(), row.Key(), lifecycle.Fail(row.Fence, protocol.Code(s), s, 7, b.now))
		if err != nil || got.Error != s || string(got.Code) != s {
			t.Errorf("fail with %q: %q, %q, %v", s, got.Code, got.Error, err)
		}
	}
	t.Run("empty", func(t *testing.T) {
		row := b.running(100)
		row.Payload, row.Ref, row.Trace, row.Hash = "", "", "", nil
		b.put(t, row)
		b.stands(t, row)
		got, err := b.Update(t.Context(), row.Key(), lifecycle.Pulse(row.Fence, lifecycle.State{}, b.now, lease, nil))
		if err != nil {
			t.Fatal(err)
		}
		row.Seq = 0
		same(t, "after an empty pulse", got, row)
		got, err = b.Update(t.Context(), row.Key(), lifecycle.Complete(row.Fence, lifecycle.Outcome{}, 7, b.now))
		if err != nil || got.Result != "" {
			t.Errorf("empty result: %q, %v", got.Result, err)
		}
	})
	t.Run("null", func(t *testing.T) {
		row := b.running(101)
		row.Payload = "null"
		b.put(t, row)
		b.stands(t, row)
		got, err := b.Update(t.Context(), row.Key(), lifecycle.Complete(row.Fence, lifecycle.Outcome{Result: "null"}, 7, b.now))
		if err != nil || got.Result != "null" {
			t.Errorf("null result: %q, %v", got.Result, err)
		}
	})
}

// testNothing updates what is not there: no transition may make a row.
func testNothing(t *testing.T, b bench) {
	row := b.running(0)
	cancel, _ := lifecycle.Cancel(b.row(0), b.now)
	for _, u := range []lifecycle.Update{
		lifecycle.Claim(message, owner, b.now, lease),
		lifecycle.Resume(3, message, owner, b.now, lease),
		lifecycle.Continue(3, lifecycle.State{}, b.now),
		lifecycle.Save(3, 1, lifecycle.Document{JSON: "1"}),
		lifecycle.Pulse(3, lifecycle.State{}, b.now, lease, []string{"c0"}),
		lifecycle.Complete(3, lifecycle.Outcome{}, 1, b.now),
		lifecycle.Fail(3, "X", "x", 1, b.now),
		lifecycle.Cancelled(3, 1, b.now),
		lifecycle.Retry(3, b.now, "X", "x"),
		lifecycle.End(row, lifecycle.ReasonOverdue, message, b.now),
		cancel,
		lifecycle.Watch(user, "c1"),
		lifecycle.Unwatch(user, "c1"),
		lifecycle.Repost(row),
		lifecycle.Resend(row, b.now),
		{Name: "no guard", Set: map[lifecycle.Field]any{"x": "y"}},
	} {
		_, err := b.Update(t.Context(), b.key(0), u)
		refused, ok := errors.AsType[*store.RefusedError](err)
		if !ok || refused.Exists || refused.Row.PK != "" || refused.Write != u.Name {
			t.Errorf("%s: got %v", u.Name, err)
		}
		if _, exists, err := b.Get(t.Context(), b.key(0)); exists || err != nil {
			t.Fatalf("%s left a row behind (err %v)", u.Name, err)
		}
	}
	b.put(t, row)
	_, err := b.Update(t.Context(), b.key(0), lifecycle.Update{Name: "no guard", Set: map[lifecycle.Field]any{"x": "y"}})
	refusedWith(t, err, row)
}

func testPayload(t *testing.T, b bench) { testDocument(t, b, b.PutPayload, b.Payload, b.State) }
func testState(t *testing.T, b bench)   { testDocument(t, b, b.PutState, b.State, b.Payload) }

// testDocument puts and gets one kind of what is kept beside a row by its hash; other
// gets another kind.
func testDocument(t *testing.T, b bench, put func(context.Context, lifecycle.Key, []byte, string, time.Time) error,
	get, other func(context.Context, lifecycle.Key, []byte) (string, error)) {
	ctx, expires := t.Context(), b.now.Add(time.Hour)
	if p, err := get(ctx, b.key(0), []byte{1}); err == nil {
		t.Errorf("unknown: got %q", p)
	}
	docs := map[byte]string{1: `{"text":"` + strings.Repeat("漢", protocol.MaxInline/3) + `"}`, 2: "null", 3: "", 4: `{"n":1e400,"u":"\u0000"}`}
	for hash, p := range docs {
		if err := put(ctx, b.key(0), []byte{hash}, p, expires); err != nil {
			t.Fatal(err)
		}
	}
	for hash, want := range docs {
		if p, err := get(ctx, b.key(0), []byte{hash}); err != nil || p != want {
			t.Errorf("%d: got %.50q, %v", hash, p, err)
		}
		if p, err := other(ctx, b.key(0), []byte{hash}); err == nil {
			t.Errorf("%d: taken for another kind: %.50q", hash, p)
		}
	}
	if p, err := get(ctx, b.key(1), []byte{1}); err == nil {
		t.Errorf("of another request: got %.50q", p)
	}
	if err := put(ctx, b.key(0), []byte{2}, "2", expires); err != nil {
		t.Fatal(err)
	}
	if p, err := get(ctx, b.key(0), []byte{2}); err != nil || p != "2" {
		t.Errorf("put again: got %q, %v", p, err)
	}
	// It is no request.
	if _, exists, err := b.Get(ctx, b.key(0)); exists || err != nil {
		t.Errorf("taken for a request: %v, %v", exists, err)
	}
}

func testOnce(t *testing.T, b bench) {
	ctx, expires := t.Context(), b.now.Add(time.Hour)
	results := map[string]string{"a": `{"n":1.10}`, "a#b": "null", "größer 漢字": `"` + strings.Repeat("x", 256*1024) + `"`, "META": `1`}
	for name, want := range results {
		if r, exists, err := b.Once(ctx, b.key(0), name); exists || err != nil || r != "" {
			t.Errorf("%s, unknown: %.50q, %v, %v", name, r, exists, err)
		}
		for i, result := range []string{want, `"another"`} { // the first counts
			if kept, err := b.PutOnce(ctx, b.key(0), name, result, expires); err != nil || kept != want {
				t.Errorf("%s, put %d: kept %.50q, %v", name, i, kept, err)
			}
		}
	}
	for name, want := range results {
		if r, exists, err := b.Once(ctx, b.key(0), name); !exists || err != nil || r != want {
			t.Errorf("%s: %.50q, %v, %v", name, r, exists, err)
		}
		if _, exists, err := b.Once(ctx, b.key(1), name); exists || err != nil {
			t.Errorf("%s of another request: %v, %v", name, exists, err)
		}
	}
	if _, exists, err := b.Get(ctx, b.key(0)); exists || err != nil {
		t.Errorf("taken for a request: %v, %v", exists, err)
	}
}

// testOnceRace lets many keep a result at once: all are told the same one.
func testOnceRace(t *testing.T, b bench) {
	var wg sync.WaitGroup
	kept := make([]string, 8)
	for n := range kept {
		wg.Go(func() {
			var err error
			if kept[n], err = b.PutOnce(t.Context(), b.key(0), "race", fmt.Sprint(n), b.now.Add(time.Hour)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	stored, _, err := b.Once(t.Context(), b.key(0), "race")
	if err != nil || stored == "" || slices.ContainsFunc(kept, func(k string) bool { return k != stored }) {
		t.Errorf("stored %q, told %q, err %v", stored, kept, err)
	}
}

func testContext(t *testing.T, b bench) {
	b.put(t, b.running(0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"create": func() error { return b.Create(ctx, b.running(1), b.now) },
		"update": func() error { _, err := b.Update(ctx, b.key(0), lifecycle.Watch(user, "c1")); return err },
		"get":    func() error { _, _, err := b.Get(ctx, b.key(0)); return err },
		"put payload": func() error {
			return b.PutPayload(ctx, b.key(0), []byte{1}, "1", b.now.Add(time.Hour))
		},
		"payload": func() error { _, err := b.Payload(ctx, b.key(0), []byte{1}); return err },
		"put state": func() error {
			return b.PutState(ctx, b.key(0), []byte{1}, "1", b.now.Add(time.Hour))
		},
		"state": func() error { _, err := b.State(ctx, b.key(0), []byte{1}); return err },
		"put once": func() error {
			_, err := b.PutOnce(ctx, b.key(0), "a", "1", b.now.Add(time.Hour))
			return err
		},
		"once": func() error { _, _, err := b.Once(ctx, b.key(0), "a"); return err },
		"open": func() error { _, _, err := b.Open(ctx, 0, b.now, ""); return err },
		"day":  func() error { _, _, err := b.Day(ctx, b.tenant, b.now, ""); return err },
		"by user": func() error {
			_, _, err := b.ByUser(ctx, b.tenant, user, store.Position{}, 1)
			return err
		},
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that has ended: got %v", name, err)
		}
	}
	b.stands(t, b.running(0))
	if _, exists, err := b.Get(t.Context(), b.key(1)); exists || err != nil {
		t.Errorf("create with a context that has ended: %v, %v", exists, err)
	}
}
