package handlers

import (
	"time"

	"github.com/pay-theory/streamer"
)

// GenerateReport is the sample that makes a file: a report on the tenant's own
// requests. Package report does it.
var GenerateReport = streamer.Action[ReportIn, ReportOut]{Name: "generate_report", Async: true}

// The formats of a report.
const (
	FormatPDF = "pdf"
	FormatCSV = "csv"
)

// MaxReportDays is the longest period of a report, both its ends included.
const MaxReportDays = 366

// ReportIn is the payload of GenerateReport.
type ReportIn struct {
	// StartDate and EndDate are the first and the last day of the period, UTC dates as
	// YYYY-MM-DD.
	StartDate string `json:"start_date"`
	EndDate   string `json:"end_date"`
	// Format is FormatPDF or FormatCSV; FormatPDF if it is empty.
	Format string `json:"format,omitempty"`
}

// ReportOut is the result of GenerateReport.
type ReportOut struct {
	streamer.File
	// Pages is the length of a PDF; 0 for a CSV, which has none.
	Pages int `json:"pages"`
	// Rows is how many requests the report lists.
	Rows int `json:"rows"`
}

// Validate fills in the format and refuses a period that is none or over MaxReportDays.
func (in *ReportIn) Validate() error {
	if in.Format == "" {
		in.Format = FormatPDF
	}
	start, err := parseDate("start_date", in.StartDate)
	if err != nil {
		return err
	}
	end, err := parseDate("end_date", in.EndDate)
	if err != nil {
		return err
	}
	days := int(end.Sub(start)/(24*time.Hour)) + 1
	switch {
	case days < 1:
		return streamer.Invalid("end_date", "%s is before start_date, %s", in.EndDate, in.StartDate)
	case days > MaxReportDays:
		return streamer.Invalid("end_date", "the period is longer than %d days: end it by %s, or ask for two reports",
			MaxReportDays, start.AddDate(0, 0, MaxReportDays-1).Format(time.DateOnly))
	case in.Format != FormatPDF && in.Format != FormatCSV:
		return streamer.Invalid("format", "%.20q is not %q or %q", in.Format, FormatPDF, FormatCSV)
	}
	return nil
}

// Days lists the UTC days of a valid period in order, each as its midnight.
func (in ReportIn) Days() ([]time.Time, error) {
	start, err := parseDate("start_date", in.StartDate)
	if err != nil {
		return nil, err
	}
	end, err := parseDate("end_date", in.EndDate)
	if err != nil {
		return nil, err
	}
	var days []time.Time
	for day := start; !day.After(end); day = day.AddDate(0, 0, 1) {
		days = append(days, day)
	}
	return days, nil
}

func parseDate(field, date string) (time.Time, error) {
	if date == "" {
		return time.Time{}, streamer.Invalid(field, "missing: a date as YYYY-MM-DD, like 2024-01-31")
	}
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return time.Time{}, streamer.Invalid(field, "%.20q is not a date as YYYY-MM-DD, like 2024-01-31", date)
	}
	return day, nil
}
