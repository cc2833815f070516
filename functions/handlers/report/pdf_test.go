package report_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ledongthuc/pdf"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/protocol"
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

func expect(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
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
		for _, want := range []string{fmt.Sprintf("Page%dof%d", i+1, len(pages)), "acme", "2024-01-01to2024-01-31"} {
			if !strings.Contains(page, want) {
				t.Errorf("page %d has no %q", i+1, want)
			}
		}
		if n := strings.Count(page, "AcceptedRequestActionStatusAttemptDurationCode"); n != min(i, 1) {
			t.Errorf("page %d has %d headers of the table", i+1, n)
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
	// Eight of the ten ended, after 1.5, 3, 4.5, 6, 7.5, 9, 10.5 and 13.5 seconds.
	expect(t, text(t, m.body)[0],
		"RequestreportTenantacmePeriod2024-01-02Made20",
		"Requests10Ended8Failed1Duration,p506.0sDuration,p9513.5s",
		"ononeday75.0%completed12.5%ofthoseendedmean6.9slongest13.5s",
		"RequestsbyhourCANCELLEDFAILEDCOMPLETEDPROCESSINGPENDING",
		"BystatusStatusRequestsSharePENDING110.0%PROCESSING110.0%COMPLETED660.0%FAILED110.0%CANCELLED110.0%1triedmorethanonce",
		"1to10s675.0%10sto1min225.0%",
		"FailuresbycodeCodeFailedShareATTEMPTS_EXHAUSTED1100.0%",
		"echo_async660.0%07.5s13.5sgenerate_report440.0%16.0s10.5s",
	)
}

func TestPDFOfManyDaysNamesItsExtremes(t *testing.T) {
	days := map[string][]streamer.Summary{
		"2024-01-02": requests("2024-01-02", 30), "2024-01-08": requests("2024-01-08", 1_234), "2024-01-31": requests("2024-01-31", 200),
	}
	for day, rows := range days {
		for i := range rows { // they begin and end within the day, and one in ten fails
			if rows[i].Status == protocol.Failed {
				rows[i].Code = []protocol.Code{protocol.Timeout, protocol.Internal, protocol.Timeout, "INVALID"}[i/10%4]
			}
			rows[i].CreatedAt = days[day][0].CreatedAt.Add(time.Duration(i) * time.Minute)
		}
	}
	m, err := run(t, t.Context(), &history{tenant: "acme", days: days}, handlers.ReportIn{StartDate: "2024-01-01", EndDate: "2024-01-31"})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, text(t, m.body)[0],
		"Requests1,464Ended1,172Failed147", "47.2aday",
		"Requestsbyday", "05001,0001,500", // the axis
		"1,234", "1Jan", "31Jan",
		"BusiestdaysDayRequestsShareFailed2024-01-08,Mon1,23484.3%1242024-01-31,Wed20013.7%202024-01-02,Tue302.0%3",
		"FailuresbycodeCodeFailedShareTIMEOUT7450.3%INTERNAL3725.2%INVALID3624.5%",
	)
}

func TestPDFSumsUpWhatItHasNoRoomFor(t *testing.T) {
	rows := requests("2024-01-02", 100)
	for i := range rows {
		rows[i].Action = fmt.Sprintf("action%02d", i%20)
		if rows[i].Status == protocol.Failed {
			rows[i].Code = protocol.Code(fmt.Sprintf("CODE_%d", i/10))
		}
	}
	m, err := run(t, t.Context(), &history{tenant: "acme", days: map[string][]streamer.Summary{"2024-01-02": rows}}, handlers.ReportIn{StartDate: "2024-01-01", EndDate: "2024-01-02"})
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.Join(text(t, m.body), "")
	expect(t, whole, "action1055.0%", "9otheractions4545.0%", "CODE_4110.0%5othercodes550.0%")
	if strings.Count(whole, "action11") != 5 { // in the table only
		t.Error("an action is listed that has no room")
	}
}

// A reader may go to any object by the file's own directory of them.
func TestPDFIsSound(t *testing.T) {
	days := map[string][]streamer.Summary{"2024-01-02": requests("2024-01-02", 200)}
	m, err := run(t, t.Context(), &history{tenant: "acme", days: days}, handlers.ReportIn{StartDate: "2024-01-01", EndDate: "2024-01-31"})
	if err != nil {
		t.Fatal(err)
	}
	body := string(m.body)
	var start, objects int
	if _, err := fmt.Sscanf(body[strings.LastIndex(body, "startxref"):], "startxref\n%d\n%%%%EOF\n", &start); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(body[start:], "xref\n0 %d\n0000000000 65535 f \n", &objects); err != nil {
		t.Fatal(err)
	}
	if want := 1 + 4 + 3 + 2*m.out.Pages; objects != want { // none, known, fonts, pages
		t.Errorf("%d objects, want %d", objects, want)
	}
	entries := strings.SplitAfter(body[start:], " \n")[1:]
	for n := 1; n < objects; n++ {
		at, err := strconv.Atoi(entries[n-1][:10])
		if err != nil || len(entries[n-1]) != 20 || !strings.HasPrefix(body[at:], fmt.Sprintf("%d 0 obj\n", n)) {
			t.Fatalf("object %d is not at %q", n, entries[n-1])
		}
	}
	r, err := pdf.NewReader(bytes.NewReader(m.body), int64(len(m.body)))
	if err != nil {
		t.Fatal(err)
	}
	info := r.Trailer().Key("Info")
	if title := info.Key("Title").Text(); title != "Request report 2024-01-01 to 2024-01-31" {
		t.Errorf("its title is %q", title)
	}
	var faces []string
	fonts := r.Page(1).Resources().Key("Font")
	for _, name := range fonts.Keys() {
		faces = append(faces, fonts.Key(name).Key("BaseFont").Name())
	}
	slices.Sort(faces)
	if !slices.Equal(faces, []string{"Courier", "Helvetica", "Helvetica-Bold"}) {
		t.Errorf("its fonts are %q", faces)
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
