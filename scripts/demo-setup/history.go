package main

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// keep is how long the demo's requests stay after the last set-up.
const keep = 90 * 24 * time.Hour

// tenant is one of the demo's companies.
type tenant struct {
	name  string
	users []string
	// perDay is how many requests it makes on an ordinary working day, growth by how much
	// that grows in a year.
	perDay, growth float64
	actions        []action
}

// action is one that a tenant uses, with how often, how long it takes, and how it fails.
type action struct {
	name     string
	share    float64
	typical  time.Duration
	failures []protocol.Code
	failRate float64
}

var tenants = []tenant{
	{demoTenant, []string{demoUser, "amelia", "jonas", "priya"}, 6, 0.4, []action{
		{"generate_report", 0.5, 9 * time.Second, []protocol.Code{protocol.Timeout, protocol.Internal}, 0.03},
		{"export_transactions", 0.3, 40 * time.Second, []protocol.Code{protocol.Timeout, "SOURCE_UNAVAILABLE"}, 0.05},
		{"echo_async", 0.2, 5 * time.Second, nil, 0},
	}},
	{"northwind", []string{"ops@northwind.example", "finance@northwind.example"}, 4, 0.1, []action{
		{"settle_batch", 0.6, 3 * time.Minute, []protocol.Code{"BATCH_CLOSED", protocol.AttemptsExhausted}, 0.06},
		{"generate_report", 0.4, 12 * time.Second, []protocol.Code{protocol.Internal}, 0.02},
	}},
	{"bluebird-market", []string{"sam", "lee", "noor"}, 3, 0.9, []action{
		{"import_customers", 0.5, 80 * time.Second, []protocol.Code{"BAD_FILE", protocol.Deadline}, 0.08},
		{"export_transactions", 0.5, 25 * time.Second, []protocol.Code{protocol.Timeout}, 0.03},
	}},
}

// History is every request of every tenant from the day of first up to now. The requests
// of a day depend on the seed, the tenant and the date alone, so a later run makes the
// same ones again. None is still open.
func History(seed uint64, first, now time.Time) []lifecycle.Row {
	var rows []lifecycle.Row
	for _, t := range tenants {
		for day := midnight(first); day.Before(now); day = day.AddDate(0, 0, 1) {
			for _, row := range t.day(seed, day) {
				if row.EndedAt < now.UnixMilli() {
					row.TTL = now.Add(keep).Unix()
					rows = append(rows, row)
				}
			}
		}
	}
	return rows
}

func midnight(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// day is what a tenant asked for on one day, in order.
func (t tenant) day(seed uint64, day time.Time) []lifecycle.Row {
	h := fnv.New64a()
	h.Write([]byte(t.name + day.Format(time.DateOnly)))
	random := rand.New(rand.NewPCG(seed, h.Sum64()))
	var rows []lifecycle.Row
	for range t.volume(random, day) {
		rows = append(rows, t.request(random, day))
	}
	slices.SortFunc(rows, func(a, b lifecycle.Row) int { return int(a.CreatedAt - b.CreatedAt) })
	return rows
}

// volume follows the working week, the end of the month and the years' growth.
func (t tenant) volume(random *rand.Rand, day time.Time) int {
	mean := t.perDay * math.Pow(1+t.growth, day.Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).Hours()/(365*24))
	switch day.Weekday() {
	case time.Saturday, time.Sunday:
		mean *= 0.2
	case time.Monday:
		mean *= 1.3
	}
	if day.AddDate(0, 0, 3).Month() != day.Month() {
		mean *= 2.2 // the books are closed
	}
	return int(mean * (0.5 + random.Float64()))
}

func (t tenant) request(random *rand.Rand, day time.Time) lifecycle.Row {
	did := t.pick(random)
	created := day.Add(9*time.Hour + time.Duration(random.NormFloat64()*2.5*float64(time.Hour))%(9*time.Hour)).Add(4 * time.Hour)
	wait := time.Duration(80+random.ExpFloat64()*200) * time.Millisecond
	took := time.Duration(float64(did.typical) * math.Exp(random.NormFloat64()*0.5))
	r := outcome(random, did)
	ended := created.Add(wait + took*time.Duration(r.attempts))

	entropy := make([]byte, 10)
	for i := range entropy {
		entropy[i] = byte(random.UintN(256))
	}
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(created)) // fails in the year 10889
	_ = id.SetEntropy(entropy)              // fails at other lengths than 10
	user := t.users[random.IntN(len(t.users))]

	row := lifecycle.Accept(lifecycle.Submission{
		Key: lifecycle.Key{Tenant: t.name, ID: id.String()}, User: user, Action: did.name, MaxAttempts: 3,
		Deadline: protocol.DefaultDeadline, Connection: demoConnection, Message: id.String(),
	}, created)
	row.Watchers, row.OpenShard = nil, ""
	row.Status, row.Code, row.Attempt, row.Fence = r.status, r.code, r.attempts, int64(r.attempts)
	row.StartedAt, row.EndedAt = created.Add(wait).UnixMilli(), ended.UnixMilli()
	row.Seq = lifecycle.Seq(row.Fence, 1)
	switch row.Status {
	case protocol.Completed:
		row.Percentage, row.Result = 100, "null"
	case protocol.Failed:
		row.Error = "made up for the demo"
	}
	return row
}

func (t tenant) pick(random *rand.Rand) action {
	at := random.Float64()
	for _, a := range t.actions {
		if at -= a.share; at < 0 {
			return a
		}
	}
	return t.actions[len(t.actions)-1]
}

type result struct {
	status   protocol.Status
	code     protocol.Code
	attempts int
}

// outcome is how a request ended: most at once, some at the second try, a few never.
func outcome(random *rand.Rand, a action) result {
	switch at := random.Float64(); {
	case at < a.failRate:
		code := a.failures[random.IntN(len(a.failures))]
		return result{protocol.Failed, code, 1 + random.IntN(3)}
	case at < a.failRate*1.8:
		code := a.failures[random.IntN(len(a.failures))]
		return result{protocol.Completed, code, 2}
	case at > 0.985:
		return result{protocol.Cancelled, "", 1}
	}
	return result{protocol.Completed, "", 1}
}
