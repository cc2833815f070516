package lifecycle_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// text writes an update down in one line.
func text(u lifecycle.Update) string {
	var parts []string
	for _, g := range u.When {
		var tests []string
		for _, t := range g {
			tests = append(tests, strings.TrimSuffix(fmt.Sprintf("%s %s %v", t.Field, t.Op, t.Value), " <nil>"))
		}
		parts = append(parts, "if "+strings.Join(tests, " & "))
	}
	for _, c := range []struct {
		word string
		m    map[lifecycle.Field]any
	}{{"set", u.Set}, {"once", u.Once}} {
		for _, f := range slices.Sorted(maps.Keys(c.m)) {
			parts = append(parts, fmt.Sprintf("%s %s=%v", c.word, f, c.m[f]))
		}
	}
	for _, f := range slices.Sorted(maps.Keys(u.Add)) {
		parts = append(parts, fmt.Sprintf("add %s %d", f, u.Add[f]))
	}
	for _, f := range u.Remove {
		parts = append(parts, "remove "+string(f))
	}
	if u.Join != nil {
		parts = append(parts, fmt.Sprint("join ", u.Join))
	}
	if u.Leave != nil {
		parts = append(parts, fmt.Sprint("leave ", u.Leave))
	}
	return u.Name + ": " + strings.Join(parts, "; ")
}

// updates has every transition that there is.
func updates() []lifecycle.Update {
	t := time.UnixMilli(5_000)
	running := lifecycle.Row{Status: protocol.Processing, Fence: 3, LeaseUntil: 4_000}
	waiting := lifecycle.Row{Status: protocol.Retrying, Fence: 3, Hints: 2}
	ask, _ := lifecycle.Cancel(running, t)
	cancel, _ := lifecycle.Cancel(waiting, t)
	return []lifecycle.Update{
		lifecycle.Claim("m", "o", t, time.Second),
		lifecycle.Resume(3, "m", "o", t, time.Second),
		lifecycle.Continue(3, lifecycle.State{Percentage: 1.5, Message: "x", Seq: 3_000_001}, t),
		lifecycle.Save(3, 2, lifecycle.Document{JSON: "1"}),
		lifecycle.Save(3, 2, lifecycle.Document{At: lifecycle.PlaceItem, Hash: []byte{7}}),
		lifecycle.Pulse(3, lifecycle.State{Percentage: 1.5, Message: "x", Seq: 3_000_001}, t, time.Second, []string{"c"}),
		lifecycle.Complete(3, lifecycle.Outcome{Result: "1", File: "k"}, 3_000_002, t),
		lifecycle.Complete(3, lifecycle.Outcome{At: lifecycle.PlaceObject, Size: 9, Hash: []byte{7}}, 3_000_002, t),
		lifecycle.Fail(3, "X", "why", 3_000_002, t),
		lifecycle.Cancelled(3, 3_000_002, t),
		lifecycle.Retry(3, t.Add(time.Second), "X", "why"),
		lifecycle.End(running, lifecycle.ReasonOverdue, "m", t),
		lifecycle.End(waiting, lifecycle.ReasonExhausted, "", t),
		cancel,
		ask,
		lifecycle.Watch("u", "c"),
		lifecycle.Unwatch("u", "c"),
		lifecycle.Repost(lifecycle.Row{Status: protocol.Failed, Fence: 3}),
		lifecycle.Resend(running, t),
		lifecycle.Resend(waiting, t),
		lifecycle.HandOver(3, lifecycle.State{Percentage: 1.5, Message: "x", Seq: 3_000_001}, t, time.Second),
		lifecycle.TakeOver(lifecycle.Ticket{Fence: 3, CreatedAt: 1_000}, 4, "o", t, time.Second),
		lifecycle.Notify(lifecycle.Cancelled(5, 5_000_002, t)),
		lifecycle.Told(lifecycle.Row{Status: protocol.Failed, Fence: 3}),
	}
}

func TestUpdates(t *testing.T) {
	const (
		open  = "deadline_at > 5000 & cancel_at missing"
		may   = open + " & attempt < max_attempts"
		owned = "if status = PROCESSING & fence = 3"
		ends  = "remove lease_until; remove next_at; remove open_shard"
	)
	want := []string{
		"claim: if " + may + " & status = PENDING & continued_at missing; if " + may + " & status = RETRYING & next_at <= 5000; if " + may +
			" & status = PROCESSING & lease_until < 5000; set carrier=m; set lease_until=6000; set owner=o; set status=PROCESSING; " +
			"once started_at=5000; add attempt 1; add fence 1; remove next_at; remove percentage; remove message; remove handed; remove notice",
		"resume: if " + open + " & status = PENDING & continued_at > 0 & fence = 3; set carrier=m; set lease_until=6000; set owner=o; set status=PROCESSING; " +
			"add fence 1; remove continued_at; remove handed",
		"continue: " + owned + " & cancel_at missing; set continued_at=5000; set message=x; set percentage=1.5; set seq=3000001; set status=PENDING; " +
			"add continuations 1; remove lease_until; remove carrier; remove hint_at; remove hints",
		"save: " + owned + " & state_seq missing; " + owned + " & state_seq <= 3000002; set state=1; set state_seq=3000002; remove state_at; remove state_hash",
		"save: " + owned + " & state_seq missing; " + owned + " & state_seq <= 3000002; set state_at=item; set state_hash=[7]; set state_seq=3000002; remove state",
		"pulse: " + owned + "; set lease_until=6000; set message=x; set percentage=1.5; set seq=3000001; leave [c]",
		"complete: " + owned + "; set ended_at=5000; set file=k; set percentage=100; set result=1; set seq=3000002; set status=COMPLETED; set ttl=604805; " + ends,
		"complete: " + owned + "; set ended_at=5000; set percentage=100; set result_at=object; set result_hash=[7]; set result_size=9; set seq=3000002; set status=COMPLETED; set ttl=604805; " + ends,
		"fail: " + owned + "; set code=X; set ended_at=5000; set error=why; set seq=3000002; set status=FAILED; set ttl=604805; " + ends,
		"cancelled: " + owned + "; set ended_at=5000; set seq=3000002; set status=CANCELLED; set ttl=604805; " + ends,
		"retry: " + owned + " & cancel_at missing; set code=X; set error=why; set next_at=6000; set status=RETRYING; remove lease_until",
		"end: " + owned + " & lease_until = 4000; set carrier=m; set code=DEADLINE; set ended_at=5000; set error=the request's deadline passed before it could end; " +
			"set seq=4000001; set status=FAILED; set ttl=604805; add fence 1; " + ends,
		"end: if status = RETRYING & fence = 3; set code=ATTEMPTS_EXHAUSTED; set ended_at=5000; set error=the last attempt ended without an outcome; " +
			"set seq=4000001; set status=FAILED; set ttl=604805; add fence 1; " + ends,
		"end: if status = RETRYING & fence = 3; set ended_at=5000; set seq=4000001; set status=CANCELLED; set ttl=604805; add fence 1; " + ends,
		"ask to cancel: " + owned + "; once cancel_at=5000",
		"watch: if user = u & watchers missing; if user = u & watchers smaller 10; if user = u & watchers contains c; join [c]",
		"unwatch: if user = u; leave [c]",
		"repost: if status = FAILED & fence = 3; add reposts 1",
		"resend: " + owned + " & lease_until = 4000 & hints missing; set hint_at=5000; add hints 1",
		"resend: if status = RETRYING & fence = 3 & hints = 2; set hint_at=5000; add hints 1",
		"hand over: " + owned + "; set handed=3; set lease_until=6000; set message=x; set percentage=1.5; set seq=3000001; " +
			"add fence 1; remove carrier; remove hint_at; remove hints",
		"take over: if status = PROCESSING & fence = 4 & handed = 3 & created_at = 1000; set lease_until=6000; set owner=o; add fence 1",
		"cancelled: if status = PROCESSING & fence = 5; set ended_at=5000; set notice=due; set seq=5000002; set status=CANCELLED; set ttl=604805; " + ends,
		"told: if status = FAILED & fence = 3; set notice=given",
	}
	for i, u := range updates() {
		if got := text(u); got != want[i] {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
	}
}

// TestUpdatesAreLegal checks what a table demands of every update: fields that the row
// has, each changed by one clause only, values that can be compared.
func TestUpdatesAreLegal(t *testing.T) {
	stored := map[lifecycle.Field]bool{}
	for f := range reflect.TypeFor[lifecycle.Row]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("dynamodbav"), ",")
		stored[lifecycle.Field(name)] = true
	}
	for _, u := range updates() {
		changed := map[lifecycle.Field]int{}
		for f := range u.Set {
			changed[f]++
		}
		for f := range u.Once {
			changed[f]++
		}
		for f := range u.Add {
			changed[f]++
		}
		for _, f := range u.Remove {
			changed[f]++
		}
		for f, n := range changed {
			if !stored[f] || n > 1 {
				t.Errorf("%s: field %s is in %d clauses, and of the row: %v", u.Name, f, n, stored[f])
			}
		}
		if len(u.Join) > 0 && len(u.Leave) > 0 {
			t.Errorf("%s: joins and leaves", u.Name)
		}
		if len(u.When) == 0 {
			t.Errorf("%s: no guard", u.Name)
		}
		for _, g := range u.When {
			if len(g) == 0 {
				t.Errorf("%s: an empty guard", u.Name)
			}
			for _, test := range g {
				switch v := test.Value.(type) {
				case string, int64:
				case lifecycle.Field:
					if !stored[v] {
						t.Errorf("%s: compares with %s", u.Name, v)
					}
				default:
					if test.Op != lifecycle.Missing {
						t.Errorf("%s: %s is compared with a %T", u.Name, test.Field, v)
					}
				}
				if !stored[test.Field] {
					t.Errorf("%s: tests %s", u.Name, test.Field)
				}
			}
		}
	}
}

func TestAccept(t *testing.T) {
	at := time.Date(2026, 1, 1, 8, 30, 0, 123_999_999, time.FixedZone("east", 9*3600)) // still 2025 in UTC
	key := lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"}
	row := lifecycle.Accept(lifecycle.Submission{
		Key: key, User: "ann", Action: "a", MaxAttempts: 3, Deadline: time.Hour, Connection: "c", Message: "m", Ref: "r",
		Payload: "{}", PayloadAt: lifecycle.PlaceItem, Hash: []byte{1}, Trace: "t",
	}, at)
	want := lifecycle.Row{
		PK: key.PK(), SK: "META", Action: "a", User: "ann", Status: protocol.Pending, MaxAttempts: 3,
		CreatedAt: ms(at), DeadlineAt: ms(at) + 3_600_000, Watchers: []string{"c"}, Submission: "m", Ref: "r",
		Payload: "{}", PayloadAt: lifecycle.PlaceItem, Hash: []byte{1}, Trace: "t",
		TenantDay: "T#acme#D#2025-12-31", UserKey: "T#acme#U#ann", OpenShard: lifecycle.OpenShard(key.ID),
	}
	if !reflect.DeepEqual(row, want) {
		t.Errorf("got  %+v\nwant %+v", row, want)
	}
	if row.Expired(at.AddDate(100, 0, 0)) {
		t.Error("a row without a time to live expires")
	}
}

func TestSeq(t *testing.T) {
	if a, b := lifecycle.Seq(7, 999_999), lifecycle.Seq(8, 0); a >= b {
		t.Errorf("the last of one claim is %d, the first of the next %d", a, b)
	}
	if got := lifecycle.Seq(1_000_000_000, 999_999); got >= 1<<53 {
		t.Errorf("%d is not exact in JavaScript", got)
	}
}
