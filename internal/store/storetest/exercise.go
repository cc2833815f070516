// Package storetest holds every store to the same behaviour: what lifecycle decides is
// carried out alike on DynamoDB and in memory, so that what is shown on the one is true
// of the other.
//
// Each test has a tenant of its own, so a table that others use can be shared, also that
// of a stage that runs: requests that wait have ids that no hint can carry, no row stands
// in a shard that a reconciler looks at, and all go with their time to live.
package storetest

import (
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// Exercise runs the whole suite against the requests tables that open returns.
func Exercise(t *testing.T, open func(t *testing.T) store.Requests) {
	for name, test := range map[string]func(*testing.T, bench){
		"create":          testCreate,
		"get":             testGet,
		"numbers":         testNumbers,
		"text":            testText,
		"transitions":     testTransitions,
		"watch":           testWatch,
		"leave":           testLeave,
		"claim race":      testClaimRace,
		"payload":         testPayload,
		"state":           testState,
		"once":            testOnce,
		"once race":       testOnceRace,
		"open":            testOpen,
		"day":             testDay,
		"by user":         testByUser,
		"page tokens":     testPageTokens,
		"context":         testContext,
		"nothing to hold": testNothing,
	} {
		t.Run(name, func(t *testing.T) { test(t, newBench(open(t))) })
	}
}

// ExerciseByUser runs the part of the suite that is about listing a user's requests.
func ExerciseByUser(t *testing.T, s store.Requests) { testByUser(t, newBench(s)) }

func newBench(s store.Requests) bench {
	return bench{
		Requests: s, tenant: "t" + rand.Text(), shard: 1_000 + mathrand.IntN(1_000_000_000),
		now: time.UnixMilli(time.Now().UnixMilli()),
	}
}

// bench is what one test works with.
type bench struct {
	store.Requests
	tenant string
	shard  int // of the index of open requests
	now    time.Time
}

const (
	lease   = 30 * time.Second
	user    = "ann"
	message = "message-1" // of the queue
	owner   = "owner-1"
)

// key is that of the nth request of the test.
func (b bench) key(n int) lifecycle.Key {
	return lifecycle.Key{Tenant: b.tenant, ID: lifecycle.KeyedID(b.tenant, user, "storetest", fmt.Sprint(n))}
}

// waiting is that of the nth request where it waits for its first claim.
func (b bench) waiting(n int) lifecycle.Key {
	return lifecycle.Key{Tenant: b.tenant, ID: fmt.Sprint("waiting-", n)}
}

// keyOf reads the key of any row of the test.
func (b bench) keyOf(row lifecycle.Row) lifecycle.Key {
	return lifecycle.Key{Tenant: b.tenant, ID: strings.TrimPrefix(row.PK, lifecycle.Key{Tenant: b.tenant}.PK())}
}

// row is the nth request as it was just accepted.
func (b bench) row(n int) lifecycle.Row {
	r := lifecycle.Accept(lifecycle.Submission{
		Key: b.waiting(n), User: user, Action: "storetest", MaxAttempts: 2, Deadline: time.Hour,
		Connection: "c0", Message: fmt.Sprint("m", n), Ref: "r1", Payload: `{"a":1}`, Hash: []byte{1, 2, 3}, Trace: "Root=1",
	}, b.now)
	r.OpenShard, r.TTL = lifecycle.OpenShardKey(b.shard), b.now.Add(time.Hour).Unix()
	return r
}

// running is a row that a worker holds.
func (b bench) running(n int) lifecycle.Row {
	r := b.row(n)
	r.PK = b.key(n).PK()
	r.Status, r.Fence, r.Attempt = protocol.Processing, 3, 1
	r.Carrier, r.Owner = message, owner
	r.StartedAt, r.LeaseUntil = ms(b.now), ms(b.now.Add(lease))
	return r
}

// terminal is a row that has ended.
func (b bench) terminal(n int) lifecycle.Row {
	r := b.running(n)
	r.Status, r.EndedAt, r.Seq = protocol.Completed, ms(b.now), lifecycle.Seq(3, 1)
	r.LeaseUntil, r.OpenShard, r.Result = 0, "", "null"
	return r
}

func ms(t time.Time) int64 { return t.UnixMilli() }

func (b bench) put(t *testing.T, row lifecycle.Row) {
	t.Helper()
	if err := b.Create(t.Context(), row, b.now); err != nil {
		t.Fatalf("create: %v", err)
	}
}

// stands checks that a row is stored just so.
func (b bench) stands(t *testing.T, want lifecycle.Row) {
	t.Helper()
	got, exists, err := b.Get(t.Context(), b.keyOf(want))
	if err != nil || !exists {
		t.Fatalf("get: exists %v, err %v", exists, err)
	}
	same(t, "stored row", got, want)
}

func same(t *testing.T, what string, got, want lifecycle.Row) {
	t.Helper()
	got.Watchers, want.Watchers = sorted(got.Watchers), sorted(want.Watchers)
	if !reflect.DeepEqual(got, want) {
		g, w := reflect.ValueOf(got), reflect.ValueOf(want)
		for i := range g.NumField() {
			if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
				t.Errorf("%s: %s is %v, want %v", what, g.Type().Field(i).Name, g.Field(i), w.Field(i))
			}
		}
	}
}

func sorted(set []string) []string {
	if len(set) == 0 {
		return nil
	}
	return slices.Sorted(slices.Values(set))
}

// refusedWith checks that a write was refused and tells the row that stands.
func refusedWith(t *testing.T, err error, want lifecycle.Row) {
	t.Helper()
	refused, ok := errors.AsType[*store.RefusedError](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	if !refused.Exists || refused.Write == "" {
		t.Errorf("refusal: exists %v, write %q", refused.Exists, refused.Write)
	}
	same(t, "row of the refusal", refused.Row, want)
}
