package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/protocol"
)

func TestCSVHasEveryFieldExactly(t *testing.T) {
	at := func(clock string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, "2024-01-31T"+clock)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	h := &history{tenant: "acme", size: 2, days: map[string][]streamer.Summary{
		"2024-01-30": {{ID: "A", Action: "echo_async", Status: protocol.Pending, CreatedAt: at("00:00:00.007Z").AddDate(0, 0, -1)}},
		"2024-01-31": {
			{ID: "B", Action: "echo_async", Status: protocol.Completed, CreatedAt: at("10:00:00Z"), StartedAt: at("10:00:00.25Z"), EndedAt: at("10:00:05.5Z"), Attempt: 1},
			{ID: "C", Action: "generate_report", Status: protocol.Processing, CreatedAt: at("13:00:00+02:00"), StartedAt: at("11:00:01Z"), Attempt: 2, Code: "DISK_FULL"},
			{ID: "D", Action: "echo_async", Status: protocol.Failed, CreatedAt: at("12:00:00.5Z"), StartedAt: at("12:00:01Z"), EndedAt: at("12:00:00Z"), Attempt: 3, Code: protocol.Timeout},
		},
		"2024-02-01": {{ID: "outside", Action: "echo_async", Status: protocol.Pending}},
	}}
	m, err := run(t, t.Context(), h, handlers.ReportIn{StartDate: "2024-01-30", EndDate: "2024-01-31", Format: handlers.FormatCSV})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"request_id,action,status,created_at,started_at,ended_at,duration_ms,attempt,code",
		"A,echo_async,PENDING,2024-01-30T00:00:00.007Z,,,,0,",
		"B,echo_async,COMPLETED,2024-01-31T10:00:00.000Z,2024-01-31T10:00:00.250Z,2024-01-31T10:00:05.500Z,5500,1,",
		"C,generate_report,PROCESSING,2024-01-31T11:00:00.000Z,2024-01-31T11:00:01.000Z,,,2,DISK_FULL",
		"D,echo_async,FAILED,2024-01-31T12:00:00.500Z,2024-01-31T12:00:01.000Z,2024-01-31T12:00:00.000Z,0,3,TIMEOUT",
		"",
	}, "\n")
	if got := string(m.body); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if m.name != "requests-2024-01-30-to-2024-01-31.csv" || m.contentType != "text/csv; charset=utf-8" {
		t.Errorf("stored as %q, %q", m.name, m.contentType)
	}
	if m.out.Rows != 4 || m.out.Pages != 0 || m.out.Size != int64(len(want)) {
		t.Errorf("result is %s", m.result)
	}
	if m.file == nil || m.file.Key != "t/"+m.name {
		t.Errorf("the result names the file %+v", m.file)
	}
	if h.pages != 3 {
		t.Errorf("read %d pages, want 1 of the first day and 2 of the second", h.pages)
	}
}

func TestCSVOfAnEmptyPeriodIsItsHeader(t *testing.T) {
	m, err := run(t, t.Context(), &history{tenant: "acme"}, handlers.ReportIn{StartDate: "2024-01-01", EndDate: "2024-01-01", Format: handlers.FormatCSV})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(m.body), "\n") != 1 || m.out.Rows != 0 {
		t.Errorf("got %q, result %s", m.body, m.result)
	}
}
