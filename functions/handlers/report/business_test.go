package report_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

// business is a tenant whose total requests come on working days more than at weekends,
// most of all at a month's end and in office hours, and mostly go well. It makes a day
// when it is asked for and keeps none, so that what stands in memory is not its own.
type business struct {
	first time.Time
	days  int
	total int
}

func (b business) weight(day time.Time) float64 {
	w := 1.0
	if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		w = 0.25
	}
	if day.AddDate(0, 0, 2).Month() != day.Month() {
		w *= 2.5
	}
	return w * (1 + 0.3*float64(day.YearDay())/365)
}

// before is how many requests come before a day.
func (b business) before(day time.Time) int {
	var sum, before float64
	for i := range b.days {
		d := b.first.AddDate(0, 0, i)
		w := b.weight(d)
		sum += w
		if d.Before(day) {
			before += w
		}
	}
	return int(float64(b.total)*before/sum + 0.5)
}

func (b business) Day(_ context.Context, _ string, day time.Time, page string) ([]streamer.Summary, string, error) {
	const size = 1000
	from, _ := strconv.Atoi(page)
	rows := b.of(day)
	if from+size < len(rows) {
		return rows[from : from+size], strconv.Itoa(from + size), nil
	}
	return rows[from:], "", nil
}

func (b business) of(day time.Time) []streamer.Summary {
	random := rand.New(rand.NewPCG(uint64(day.Unix()), 7))
	seconds := func(typical, spread float64) time.Duration {
		return time.Duration(typical * (1 + spread*random.ExpFloat64()) * float64(time.Second))
	}
	rows := make([]streamer.Summary, b.before(day.AddDate(0, 0, 1))-b.before(day))
	for i := range rows {
		hour := min(max(13+3.5*random.NormFloat64(), 0), 23.99)
		s := streamer.Summary{
			ID:     fmt.Sprintf("01J8%022X", random.Uint64()),
			Status: protocol.Completed, Attempt: 1,
			CreatedAt: day.Add(time.Duration(hour * float64(time.Hour))),
		}
		var took time.Duration
		switch n := random.IntN(100); {
		case n < 46:
			s.Action, took = "settlement.export", seconds(2.5, 1.2)
		case n < 71:
			s.Action, took = "generate_report", seconds(6, 2)
		case n < 86:
			s.Action, took = "ledger.reconcile", seconds(25, 2.5)
		case n < 96:
			s.Action, took = "echo_async", seconds(0.05, 2)
		default:
			s.Action, took = "billing.settle-merchant-batches", seconds(140, 1.5)
		}
		s.StartedAt = s.CreatedAt.Add(seconds(0.04, 1))
		switch n := random.IntN(1000); {
		case n < 9:
			s.Status, s.Code, s.Attempt, took = protocol.Failed, protocol.Timeout, 3, took+5*time.Minute
		case n < 14:
			s.Status, s.Code = protocol.Failed, protocol.Internal
		case n < 17:
			s.Status, s.Code, s.Attempt = protocol.Failed, protocol.AttemptsExhausted, 5
		case n < 20:
			s.Status, s.Code = protocol.Failed, "INVALID_LEDGER"
		case n < 21:
			s.Status, s.Code = protocol.Failed, "BANK_CLOSED"
		case n < 31:
			s.Status = protocol.Cancelled
		case n < 51:
			s.Attempt, s.Code = 2, protocol.Unavailable
		}
		s.EndedAt = s.StartedAt.Add(took)
		rows[i] = s
	}
	slices.SortFunc(rows, func(a, b streamer.Summary) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return rows
}
