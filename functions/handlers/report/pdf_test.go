package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ledongthuc/pdf"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
)

// text reads a PDF's pages as a reader would see them, without the spaces, which a PDF
// need not have.
func text(t *testing.T, body []byte) []string {
	t.Helper()
	r, err := pdf.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for n := 1; n <= r.NumPage(); n++ {
		plain, err := r.Page(n).GetPlainText(nil)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, strings.Join(strings.Fields(plain), ""))
	}
	return pages
}

func TestPDFListsEveryRequestOnNumberedPages(t *testing.T) {
	days := map[string][]streamer.Summary{"2024-01-02": requests("2024-01-02", 130), "2024-01-31": requests("2024-01-31", 70)}
	m, err := run(t, t.Context(), &history{tenant: "acme", days: days, size: 50}, handlers.ReportIn{StartDate: "2024-01-01", EndDate: "2024-01-31"})
	if err != nil {
		t.Fatal(err)
	}
	pages := text(t, m.body)
	if len(pages) < 4 || m.out.Pages != len(pages) || m.out.Rows != 200 || m.out.Size != int64(len(m.body)) {
		t.Errorf("the PDF has %d pages and %d bytes, its result says %s", len(pages), len(m.body), m.result)
	}
	for i, page := range pages {
		for _, want := range []string{fmt.Sprintf("Page%dof%d", i+1, len(pages)), "AcceptedRequestActionStatusAttemptDurationCode", "acme", "2024-01-01to2024-01-31"} {
			if !strings.Contains(page, want) {
				t.Errorf("page %d has no %q", i+1, want)
			}
		}
	}
	at, whole := 0, strings.Join(pages, "")
	for _, day := range []string{"2024-01-02", "2024-01-31"} {
		for _, row := range days[day] {
			line := strings.ReplaceAll(row.CreatedAt.Format("2006-01-02 15:04:05"), " ", "") + row.ID + row.Action + string(row.Status)
			found := strings.Index(whole[at:], line)
			if found < 0 {
				t.Fatalf("no %q after the row before it", line)
			}
			at += found + len(line)
		}
	}
}

func TestPDFSumsUp(t *testing.T) {
	days := map[string][]streamer.Summary{"2024-01-02": requests("2024-01-02", 10)}
	m, err := run(t, t.Context(), &history{tenant: "acme", days: days}, handlers.ReportIn{StartDate: "2024-01-02", EndDate: "2024-01-02"})
	if err != nil {
		t.Fatal(err)
	}
	pages := text(t, m.body)
	if len(pages) != 1 || m.out.Pages != 1 {
		t.Fatalf("%d pages, result %s", len(pages), m.result)
	}
	// Eight of the ten ended, after 1.5, 3, 4.5, 6, 7.5, 9, 10.5 and 13.5 seconds.
	for _, want := range []string{
		"Tenantacme", "Period2024-01-02Requests", "10", "Ended8", "p506.0s", "p9513.5s", "mean6.9s",
		"PENDING110.0%PROCESSING110.0%COMPLETED660.0%FAILED110.0%CANCELLED110.0%",
		"echo_async660.0%generate_report440.0%", "ATTEMPTS_EXHAUSTED", "Page1of1",
	} {
		if !strings.Contains(pages[0], want) {
			t.Errorf("no %q in %s", want, pages[0])
		}
	}
}

func TestPDFOfAnEmptyPeriodSaysSo(t *testing.T) {
	m, err := run(t, t.Context(), &history{tenant: "other"}, handlers.ReportIn{StartDate: "2024-01-01", EndDate: "2024-01-31"})
	if err != nil {
		t.Fatal(err)
	}
	pages := text(t, m.body)
	if len(pages) != 1 || !strings.Contains(pages[0], "Norequestswereacceptedinthisperiod.") || m.out.Rows != 0 {
		t.Errorf("got %q, result %s", pages, m.result)
	}
}

func TestPDFTakesAnyText(t *testing.T) {
	row := requests("2024-01-02", 1)[0]
	row.Action, row.Code = strings.Repeat("w", 64), "\x00\xff(\\){nb}\n日本😀"
	m, err := run(t, t.Context(), &history{tenant: "acme", days: map[string][]streamer.Summary{"2024-01-02": {row}}}, handlers.ReportIn{StartDate: "2024-01-02", EndDate: "2024-01-02"})
	if err != nil {
		t.Fatal(err)
	}
	if pages := text(t, m.body); !strings.Contains(pages[0], row.ID+"wwww") || strings.Contains(pages[0], row.Action[:60]+"COMPLETED") {
		t.Errorf("got %s", pages[0])
	}
}
