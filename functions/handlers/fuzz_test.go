package handlers_test

import (
	"encoding/json"
	"testing"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
)

// FuzzReport: a period is refused as an invalid payload, or it has as many days as a
// report may have, in order.
func FuzzReport(f *testing.F) {
	f.Add("2024-01-01", "2024-01-31", "pdf")
	f.Add("2024-02-29", "2024-02-29", "")
	f.Add("0000-01-01", "9999-12-31", "csv")
	f.Add("2024-01-31", "2024-01-01", "pdf")
	f.Add("2024-1-1", "2024-02-30", "PDF")
	f.Fuzz(func(t *testing.T, start, end, format string) {
		in := handlers.ReportIn{StartDate: start, EndDate: end, Format: format}
		payload, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := handlers.GenerateReport.Check(payload); err != nil {
			if e, ok := streamer.AsError(err); !ok || e.Details["field"] == "" {
				t.Errorf("%s is refused with %T: %v", payload, err, err)
			}
			return
		}
		days, err := in.Days()
		if err != nil || len(days) < 1 || len(days) > handlers.MaxReportDays {
			t.Fatalf("%s has %d days, %v", payload, len(days), err)
		}
		if days[0].Format("2006-01-02") != start || days[len(days)-1].Format("2006-01-02") != end {
			t.Errorf("%s is %s to %s", payload, days[0], days[len(days)-1])
		}
	})
}
