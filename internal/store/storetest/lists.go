package storetest

import (
	"encoding/base64"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// lag is how long an index may be behind its table.
const lag = 10 * time.Second

// eventually waits for an index to catch up.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(lag); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", lag, what)
		}
	}
}

// open lists all open requests of a shard, page by page.
func (b bench) open(t *testing.T, shard int, before time.Time) (rows []lifecycle.Row, pages int) {
	t.Helper()
	for page := ""; ; {
		got, next, err := b.Open(t.Context(), shard, before, page)
		if err != nil {
			t.Fatal(err)
		}
		rows, pages = append(rows, got...), pages+1
		if page = next; page == "" {
			return rows, pages
		}
	}
}

func testOpen(t *testing.T, b bench) {
	const many = 103 // over a page of DynamoDB's
	want := make([]lifecycle.Row, many)
	var wg sync.WaitGroup
	next := make(chan int)
	for range 8 {
		wg.Go(func() {
			for n := range next {
				r := b.running(n)
				r.CreatedAt += int64(n)
				want[n] = r
				if err := b.Create(t.Context(), r, b.now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range many {
		next <- n
	}
	close(next)
	wg.Wait()
	last := b.now.Add(many * time.Millisecond)

	eventually(t, "all are listed", func() bool { rows, _ := b.open(t, b.shard, last); return len(rows) == many })
	rows, pages := b.open(t, b.shard, last)
	if pages < 2 {
		t.Errorf("%d rows on %d page", many, pages)
	}
	for n := range want { // oldest first, and whole
		same(t, "open row", rows[n], want[n])
	}
	if rows, _ := b.open(t, b.shard, b.now.Add(9*time.Millisecond)); len(rows) != 10 {
		t.Errorf("up to the tenth: got %d", len(rows))
	}
	if rows, _ := b.open(t, b.shard, b.now.Add(-time.Millisecond)); len(rows) != 0 {
		t.Errorf("before all: got %d", len(rows))
	}
	if rows, pages := b.open(t, b.shard+1, last); len(rows) != 0 || pages != 1 {
		t.Errorf("another shard: got %d on %d pages", len(rows), pages)
	}

	// A pulse and a back-off leave a request open, an end does not: at once, whatever the
	// index says.
	if _, err := b.Update(t.Context(), b.key(0), lifecycle.Retry(3, last, "X", "x")); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < many; n++ {
		if _, err := b.Update(t.Context(), b.key(n), lifecycle.Complete(3, lifecycle.Outcome{Result: "1"}, 1, b.now)); err != nil {
			t.Fatal(err)
		}
	}
	rows, _ = b.open(t, b.shard, last)
	if len(rows) != 1 || rows[0].Status != protocol.Retrying {
		t.Errorf("after the ends: got %d", len(rows))
	}
	eventually(t, "the index is sparse", func() bool { _, pages := b.open(t, b.shard, last); return pages == 1 })
	u, _ := lifecycle.Cancel(rows[0], b.now)
	if _, err := b.Update(t.Context(), b.key(0), u); err != nil {
		t.Fatal(err)
	}
	if rows, _ := b.open(t, b.shard, last); len(rows) != 0 {
		t.Errorf("after the last end: got %d", len(rows))
	}
}

func (b bench) day(t *testing.T, tenant string, day time.Time) (rows []streamer.Summary) {
	t.Helper()
	for page := ""; ; {
		got, next, err := b.Day(t.Context(), tenant, day, page)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, got...)
		if page = next; page == "" {
			return rows
		}
	}
}

func testDay(t *testing.T, b bench) {
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	put := func(n int, tenant string, at time.Time, change func(*lifecycle.Row)) streamer.Summary {
		r := b.terminal(n)
		key := b.key(n)
		key.Tenant = tenant
		r.PK, r.TenantDay = key.PK(), lifecycle.TenantDay(tenant, at)
		r.CreatedAt, r.StartedAt, r.EndedAt = ms(at), 0, 0
		change(&r)
		b.put(t, r)
		s := streamer.Summary{ID: key.ID, Action: r.Action, User: r.User, Status: r.Status, Attempt: r.Attempt, Code: r.Code, CreatedAt: at.UTC()}
		if r.StartedAt != 0 {
			s.StartedAt = time.UnixMilli(r.StartedAt).UTC()
		}
		if r.EndedAt != 0 {
			s.EndedAt = time.UnixMilli(r.EndedAt).UTC()
		}
		return s
	}
	plain := func(*lifecycle.Row) {}
	east := time.FixedZone("east", 9*3600)
	var want []streamer.Summary
	want = append(want,
		put(0, b.tenant, day, plain), // the first moment of the day
		put(1, b.tenant, day.Add(time.Hour), func(r *lifecycle.Row) { r.Status, r.Code, r.Attempt = protocol.Failed, "X", 7 }),
		put(2, b.tenant, day.Add(2*time.Hour).In(east), func(r *lifecycle.Row) {
			r.User, r.StartedAt, r.EndedAt = "bob", ms(day.Add(3*time.Hour)), ms(day.Add(4*time.Hour))
		}),
		put(3, b.tenant, day.Add(5*time.Hour), plain),
		put(4, b.tenant, day.AddDate(0, 0, 1).Add(-time.Millisecond), plain)) // and the last
	put(5, b.tenant, day.AddDate(0, 0, 1), plain)
	put(6, b.tenant, day.Add(-time.Millisecond), plain)
	other := put(7, b.tenant+"x", day.Add(time.Hour), plain)

	eventually(t, "all are listed", func() bool {
		return len(b.day(t, b.tenant, day)) == len(want) && len(b.day(t, b.tenant, day.AddDate(0, 0, 1))) == 1 &&
			len(b.day(t, b.tenant+"x", day)) == 1
	})
	for _, at := range []time.Time{day, day.Add(23 * time.Hour), day.Add(23 * time.Hour).In(east)} {
		if got := b.day(t, b.tenant, at); !slices.Equal(got, want) {
			t.Errorf("day of %s: got %+v, want %+v", at, got, want)
		}
	}
	if got := b.day(t, b.tenant+"x", day); !slices.Equal(got, []streamer.Summary{other}) {
		t.Errorf("another tenant: got %+v", got)
	}
	if got := b.day(t, b.tenant, day.AddDate(1, 0, 0)); len(got) != 0 {
		t.Errorf("an empty day: got %+v", got)
	}
}

// mine lists all requests of a user, so many at a time.
func (b bench) mine(t *testing.T, tenant, user string, most int) (rows []lifecycle.Row, pages int) {
	t.Helper()
	for after := (store.Position{}); ; {
		got, last, err := b.ByUser(t.Context(), tenant, user, after, most)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) > most {
			t.Fatalf("%d rows, asked for %d", len(got), most)
		}
		rows, pages = append(rows, got...), pages+1
		if after = last; after == (store.Position{}) {
			return rows, pages
		}
	}
}

func testByUser(t *testing.T, b bench) {
	put := func(n int, tenant, user string, at time.Time) lifecycle.Row {
		t.Helper()
		r := b.terminal(n)
		key := b.key(n)
		key.Tenant = tenant
		r.PK, r.User, r.UserKey, r.CreatedAt = key.PK(), user, lifecycle.UserKey(tenant, user), ms(at)
		if n%2 == 0 {
			r.Status, r.EndedAt, r.Percentage, r.Message = protocol.Processing, 0, 12.5, "größer 漢字"
		}
		b.put(t, r)
		return r
	}
	const many = 7
	want := map[string]lifecycle.Row{}
	for n := range many { // the fourth to the sixth at the same moment
		at := b.now.Add(time.Duration(n) * time.Millisecond)
		if n == 4 || n == 5 {
			at = b.now.Add(3 * time.Millisecond)
		}
		r := put(n, b.tenant, user, at)
		want[r.PK] = r
	}
	bob := put(20, b.tenant, "bob", b.now)
	elsewhere := put(21, b.tenant+"x", user, b.now)
	count := func(tenant, user string) int { rows, _ := b.mine(t, tenant, user, 100); return len(rows) }
	eventually(t, "all are listed", func() bool {
		return count(b.tenant, user) == many && count(b.tenant, "bob") == 1 && count(b.tenant+"x", user) == 1
	})

	for most, wantPages := range map[int]int{1: 7, 2: 4, 3: 3, 6: 2, 7: 1, 8: 1, 100: 1} {
		rows, pages := b.mine(t, b.tenant, user, most)
		if pages != wantPages {
			t.Errorf("%d at a time: %d pages, want %d", most, pages, wantPages)
		}
		seen := map[string]bool{}
		for i, row := range rows { // newest first, each once, and whole
			if i > 0 && row.CreatedAt > rows[i-1].CreatedAt {
				t.Errorf("%d at a time: row %d is newer than the one before", most, i)
			}
			seen[row.PK] = true
			same(t, "listed row", row, want[row.PK])
		}
		if len(rows) != many || len(seen) != many {
			t.Errorf("%d at a time: %d rows, %d different ones", most, len(rows), len(seen))
		}
	}
	for _, other := range []lifecycle.Row{bob, elsewhere} {
		rows, _ := b.mine(t, other.Key().Tenant, other.User, 10)
		if len(rows) != 1 {
			t.Fatalf("another's: got %d rows", len(rows))
		}
		same(t, "another's", rows[0], other)
	}
	if rows, pages := b.mine(t, b.tenant, "carol", 10); len(rows) != 0 || pages != 1 {
		t.Errorf("nobody's: got %d rows on %d pages", len(rows), pages)
	}

	// A list goes on behind a position whatever has become of what stood there.
	middle := store.Position{CreatedAt: ms(b.now.Add(2 * time.Millisecond)), ID: "00000000000000000000000000"}
	if rows, _, err := b.ByUser(t.Context(), b.tenant, user, middle, 10); err != nil || len(rows) != 2 {
		t.Errorf("behind one that is not there: got %d rows, err %v", len(rows), err)
	}
	// What was written is seen at once: only which rows there are may be a moment old.
	if _, err := b.Update(t.Context(), b.key(0), lifecycle.Complete(3, lifecycle.Outcome{Result: "1"}, 1, b.now)); err != nil {
		t.Fatal(err)
	}
	if rows, _ := b.mine(t, b.tenant, user, 10); rows[many-1].Status != protocol.Completed {
		t.Errorf("after its end it is listed as %s", rows[many-1].Status)
	}
	// An id that comes again has another place.
	again := want[b.key(1).PK()]
	again.CreatedAt = ms(b.now.Add(time.Second))
	if err := b.Create(t.Context(), again, time.Unix(again.TTL, 0)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the one that came again is the newest", func() bool {
		rows, _ := b.mine(t, b.tenant, user, 10)
		for i, row := range rows {
			if row.PK == again.PK && (i > 0 || row.CreatedAt != again.CreatedAt) {
				t.Fatalf("it is at place %d, of %d", i, row.CreatedAt)
			}
		}
		return len(rows) == many && rows[0].PK == again.PK
	})
}

func testPageTokens(t *testing.T, b bench) {
	for name, token := range map[string]string{
		"no base64": "!", "no JSON": base64.RawURLEncoding.EncodeToString([]byte("x")),
		"null": base64.RawURLEncoding.EncodeToString([]byte("null")), "empty": base64.RawURLEncoding.EncodeToString([]byte("{}")),
		"a list": base64.RawURLEncoding.EncodeToString([]byte("[]")), "negative": "-1",
	} {
		if rows, next, err := b.Open(t.Context(), 0, b.now, token); err == nil {
			t.Errorf("open with a token that is %s: got %d rows, next %q", name, len(rows), next)
		}
		if rows, next, err := b.Day(t.Context(), b.tenant, b.now, token); err == nil {
			t.Errorf("day with a token that is %s: got %d rows, next %q", name, len(rows), next)
		}
	}
}
