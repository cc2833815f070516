package report_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/functions/handlers/report"
)

func TestProgressMovesFromStepToStep(t *testing.T) {
	for _, format := range []string{handlers.FormatPDF, handlers.FormatCSV} {
		days := map[string][]streamer.Summary{"2024-01-02": requests("2024-01-02", 120)}
		m, err := run(t, t.Context(), &history{tenant: "acme", days: days, size: 60}, handlers.ReportIn{StartDate: "2024-01-01", EndDate: "2024-01-04", Format: format})
		if err != nil {
			t.Fatal(err)
		}
		var steps []float64
		between := map[float64]int{}
		last := 0.0
		for _, mark := range m.marks {
			if mark.percentage < last || mark.message == "" {
				t.Errorf("%s: %+v after %v", format, mark, last)
			}
			last = mark.percentage
			if mark.step {
				steps = append(steps, mark.percentage)
			} else {
				between[steps[len(steps)-1]]++
			}
		}
		want := []float64{10, 30, 50, 70, 90}
		if len(steps) != len(want) {
			t.Fatalf("%s: steps %v, want %v", format, steps, want)
		}
		for i := range want {
			if steps[i] != want[i] {
				t.Fatalf("%s: steps %v, want %v", format, steps, want)
			}
		}
		// A page of rows each; within a day its hour tells how far it is.
		if between[30] != 5 || between[50] != 1 || (format == handlers.FormatPDF && between[70] != 3) {
			t.Errorf("%s: reports after each step: %v", format, between)
		}
		if m.marks[1].message != "Querying data..." {
			t.Errorf("the second step says %q", m.marks[1].message)
		}
	}
}

func TestStopsWithTheCauseOfItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	h := &history{tenant: "acme", size: 1, days: map[string][]streamer.Summary{"2024-01-01": requests("2024-01-01", 50)}}
	h.onPage = func() {
		if h.pages == 3 {
			cancel(streamer.ErrCancelled)
		}
	}
	m, err := run(t, ctx, h, handlers.ReportIn{StartDate: "2024-01-01", EndDate: "2024-01-01"})
	if !errors.Is(err, streamer.ErrCancelled) || h.pages != 3 || m.result != nil {
		t.Errorf("err is %v after %d pages", err, h.pages)
	}
}

// cancelling ends its context when rendering begins.
type cancelling struct {
	sink
	cancel context.CancelCauseFunc
}

func (c *cancelling) Step(percentage float64, message string) {
	c.sink.Step(percentage, message)
	if percentage == 70 {
		c.cancel(streamer.ErrLost)
	}
}

func TestStopsWhileItDraws(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &cancelling{cancel: cancel}
	days := map[string][]streamer.Summary{"2024-01-01": requests("2024-01-01", 50)}
	err := handlers.GenerateReport.Bind(report.ReportHandler{History: &history{tenant: "acme", days: days}}.Handle).Handle(ctx,
		&streamer.Request[json.RawMessage]{Tenant: "acme", Payload: []byte(`{"start_date":"2024-01-01","end_date":"2024-01-01"}`)}, s)
	if !errors.Is(err, streamer.ErrLost) || s.result != nil {
		t.Errorf("err is %v", err)
	}
}

// unreadable is a history that does not answer.
type unreadable struct{ err error }

func (u unreadable) Day(context.Context, string, time.Time, string) ([]streamer.Summary, string, error) {
	return nil, "", u.err
}

func TestFailsAsItsSurroundingsDoAndCleansUp(t *testing.T) {
	refusal := errors.New("no")
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for name, c := range map[string]struct {
		history streamer.History
		files   files
		want    error
	}{
		"history": {unreadable{refusal}, files{}, refusal},
		"upload":  {&history{}, files{err: refusal}, refusal},
		"neither": {&history{}, files{}, nil},
	} {
		s := &sink{}
		err := handlers.GenerateReport.Bind(report.ReportHandler{History: c.history}.Handle).Handle(t.Context(),
			&streamer.Request[json.RawMessage]{Payload: []byte(`{"start_date":"2024-01-01","end_date":"2024-01-01"}`), Files: &c.files}, s)
		if !errors.Is(err, c.want) || (s.result == nil) != (c.want != nil) {
			t.Errorf("%s: err is %v, the result %s", name, err, s.result)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: it left %v on the disk (%v)", name, left, err)
		}
	}
}
