package report_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/functions/handlers/report"
	"github.com/pay-theory/streamer/protocol"
)

// history is one tenant's requests by day, in pages of its size.
type history struct {
	tenant string
	days   map[string][]streamer.Summary
	size   int
	onPage func()
	pages  int
}

func (h *history) Day(_ context.Context, tenant string, day time.Time, page string) ([]streamer.Summary, string, error) {
	h.pages++
	if h.onPage != nil {
		h.onPage()
	}
	if tenant != h.tenant {
		return nil, "", nil
	}
	from, _ := strconv.Atoi(page)
	rows := h.days[day.Format(time.DateOnly)]
	if end := from + h.size; h.size > 0 && end < len(rows) {
		return rows[from:end], strconv.Itoa(end), nil
	}
	return rows[from:], "", nil
}

// files keeps the last file that was put.
type files struct {
	name, contentType string
	body              []byte
	err               error
}

func (f *files) Put(_ context.Context, name, contentType string, body io.Reader) (streamer.File, error) {
	if f.err != nil {
		return streamer.File{}, f.err
	}
	b, err := io.ReadAll(body)
	f.name, f.contentType, f.body = name, contentType, b
	return streamer.File{Key: "t/" + name, Size: int64(len(b))}, err
}

type mark struct {
	step       bool
	percentage float64
	message    string
}

// sink keeps what a handler reports.
type sink struct {
	marks  []mark
	result json.RawMessage
	file   *streamer.File
}

func (s *sink) Report(percentage float64, message string) {
	s.marks = append(s.marks, mark{false, percentage, message})
}

func (s *sink) Step(percentage float64, message string) {
	s.marks = append(s.marks, mark{true, percentage, message})
}

func (s *sink) Complete(result json.RawMessage, file *streamer.File) error {
	s.result, s.file = result, file
	return nil
}

// made is what one run of the handler produced.
type made struct {
	sink
	files
	out handlers.ReportOut
}

func run(t *testing.T, ctx context.Context, h streamer.History, in handlers.ReportIn) (*made, error) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	payload, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	m := &made{}
	req := &streamer.Request[json.RawMessage]{ID: "01J", Tenant: "acme", Attempt: 1, Payload: payload, Files: &m.files}
	err = handlers.GenerateReport.Bind(report.ReportHandler{History: h}.Handle).Handle(ctx, req, &m.sink)
	if err == nil {
		if err := json.Unmarshal(m.result, &m.out); err != nil {
			t.Fatal(err)
		}
	}
	return m, err
}

// requests makes n requests of one day, a minute apart, in every status.
func requests(day string, n int) []streamer.Summary {
	created, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	actions := []string{"generate_report", "echo_async", "billing.settle-merchant-batches"}
	var rows []streamer.Summary
	for i := range n {
		s := streamer.Summary{
			ID:     fmt.Sprintf("01J8Z0000000000%s%04d", day[5:7]+day[8:]+"XYZ", i),
			Action: actions[i*i%len(actions)], User: "u1", Status: protocol.Completed,
			CreatedAt: created.Add(time.Duration(i) * time.Minute), Attempt: 1,
		}
		s.StartedAt = s.CreatedAt.Add(120 * time.Millisecond)
		s.EndedAt = s.CreatedAt.Add(time.Duration(i+1) * 1500 * time.Millisecond)
		switch i % 10 {
		case 3:
			s.Status, s.Code, s.Attempt = protocol.Failed, protocol.AttemptsExhausted, 3
		case 5:
			s.Status = protocol.Cancelled
		case 7:
			s.Status, s.EndedAt = protocol.Processing, time.Time{}
		case 9:
			s.Status, s.StartedAt, s.EndedAt, s.Attempt = protocol.Pending, time.Time{}, time.Time{}, 0
		}
		rows = append(rows, s)
	}
	return rows
}
