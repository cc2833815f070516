package integ_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/ledongthuc/pdf"

	"github.com/pay-theory/streamer/protocol"
)

// report is the payload of generate_report.
type report struct {
	StartDate string `json:"start_date"`
	EndDate   string `json:"end_date"`
	Format    string `json:"format,omitempty"`
}

// reportOut is its result.
type reportOut struct {
	URL       string `json:"url"`
	Size      int    `json:"size"`
	ExpiresAt int64  `json:"expires_at"`
	Pages     int    `json:"pages"`
	Rows      int    `json:"rows"`
}

// today is a report's period around now, for machines whose clocks or days differ.
func today(format string) report {
	now := time.Now().UTC()
	return report{now.AddDate(0, 0, -1).Format(time.DateOnly), now.AddDate(0, 0, 1).Format(time.DateOnly), format}
}

// generate makes a report and downloads it.
func generate(t *testing.T, c *client, in report) (requestID string, out reportOut, body []byte) {
	t.Helper()
	requestID = c.submit(t, "generate_report", in)
	out = reportResult(t, as[protocol.Complete](t, c.end(t, requestID)).Result)
	body = download(t, out.URL)
	if out.Size != len(body) {
		t.Errorf("the result's size is %d, the file's %d", out.Size, len(body))
	}
	return requestID, out, body
}

func reportResult(t *testing.T, result json.RawMessage) reportOut {
	t.Helper()
	var out reportOut
	if err := json.Unmarshal(result, &out); err != nil || out.URL == "" || out.ExpiresAt < time.Now().UnixMilli() {
		t.Fatalf("the report's result is %s, %v", result, err)
	}
	return out
}

// listed is a row of the CSV report.
type listed struct{ id, action, status, created, started, ended, duration, attempt, code string }

// requestsOf lists the requests of the client's tenant by the CSV report, without the
// report itself.
func requestsOf(t *testing.T, c *client) []listed {
	t.Helper()
	time.Sleep(indexLag(t))
	requestID, out, body := generate(t, c, today("csv"))
	records, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil || len(records) == 0 {
		t.Fatalf("the report is no CSV: %v\n%.500s", err, body)
	}
	if header := strings.Join(records[0], ","); header != "request_id,action,status,created_at,started_at,ended_at,duration_ms,attempt,code" {
		t.Fatalf("the columns are %s", header)
	}
	var rows []listed
	reports := 0
	for _, r := range records[1:] {
		row := listed{r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8]}
		if row.id != requestID {
			rows = append(rows, row)
			continue
		}
		reports++
		if row.action != "generate_report" || row.status != "PROCESSING" || row.ended != "" || row.duration != "" || row.attempt != "1" {
			t.Errorf("the report's own row is %+v", row)
		}
	}
	if reports != 1 || out.Rows != len(records)-1 || out.Pages != 0 {
		t.Errorf("the report is in itself %d times, its %d rows are told as %+v", reports, len(records)-1, out)
	}
	return rows
}

// indexLag is how late the list of a tenant's requests may be: an index of a deployed
// stage follows its table within about a second.
func indexLag(t *testing.T) time.Duration {
	t.Helper()
	if deployed(t).endpoint != "" {
		return 0
	}
	return 3 * time.Second
}

func TestCSVHasExactlyTheTenantsRequests(t *testing.T) {
	t.Parallel()
	u := fresh()
	c, colleague, stranger := dial(t, u), dial(t, user{u.tenant, "bob"}), dial(t, fresh())
	var want []string
	for i, who := range []*client{c, c, colleague} {
		id := who.submit(t, "echo_async", echoAsync{fmt.Sprint(i), 20 * i, 1})
		as[protocol.Complete](t, who.end(t, id))
		want = append(want, id+" echo_async COMPLETED ")
	}
	cancelled := c.submit(t, "echo_async", echoAsync{"stop", 60_000, 60})
	c.progress(t, cancelled)
	cancel(t, c, cancelled)
	as[protocol.CancelledFrame](t, c.end(t, cancelled))
	want = append(want, cancelled+" echo_async CANCELLED ")
	overdue := c.ask(t, protocol.Message{Action: "echo_async", DeadlineMS: 1000, Payload: object(t, echoAsync{"late", 60_000, 1})}).RequestID
	as[protocol.FailedFrame](t, c.end(t, overdue))
	want = append(want, overdue+" echo_async FAILED DEADLINE")
	running := c.submit(t, "echo_async", echoAsync{"runs", 60_000, 120})
	c.progress(t, running)
	want = append(want, running+" echo_async PROCESSING ")
	// None of these is a request of the tenant's.
	as[protocol.Response](t, c.ask(t, protocol.Message{Action: "echo"}))
	refused(t, c.ask(t, protocol.Message{Action: "nothing"}), protocol.UnknownAction)
	stranger.end(t, stranger.submit(t, "echo_async", echoAsync{"elsewhere", 0, 1}))

	var got []string
	for _, row := range requestsOf(t, c) {
		got = append(got, strings.Join([]string{row.id, row.action, row.status, row.code}, " "))
		checkTimes(t, row)
	}
	if !slices.Equal(got, want) { // the oldest first
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	cancel(t, c, running)
	c.end(t, running)
}

// checkTimes fails the test unless a row's times are in order and make its duration. A
// request whose deadline passed while it waited was never tried.
func checkTimes(t *testing.T, row listed) {
	t.Helper()
	var at [3]time.Time
	for i, text := range []string{row.created, row.started, row.ended} {
		if text == "" {
			continue
		}
		var err error
		if at[i], err = time.Parse("2006-01-02T15:04:05.000Z", text); err != nil {
			t.Errorf("%+v: %v", row, err)
		}
	}
	if tried := row.status != "FAILED" || row.started != ""; tried != (row.attempt == "1") {
		t.Errorf("tried %s times: %+v", row.attempt, row)
	} else if !tried {
		at[1] = at[0]
	}
	if at[0].IsZero() || at[1].Before(at[0]) || row.ended != "" && at[2].Before(at[1]) {
		t.Errorf("times are out of order: %+v", row)
	}
	if ended := row.status != "PROCESSING"; ended != (row.ended != "") || ended != (row.duration != "") {
		t.Errorf("its end is %q after %q ms: %+v", row.ended, row.duration, row)
	}
	if took, err := strconv.ParseInt(row.duration, 10, 64); row.duration != "" && (err != nil || took < 0 || took > at[2].Sub(at[0]).Milliseconds()) {
		t.Errorf("the duration is wrong: %+v", row)
	}
}

func TestPDFReport(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	const requests = 60
	var sent, ids []string
	for range requests {
		sent = append(sent, c.send(t, protocol.Message{Action: "echo_async", Payload: object(t, echoAsync{"row", 0, 1})}))
	}
	for _, ref := range sent {
		ids = append(ids, c.wait(t, "the end of "+ref, func(f frame) bool { return f.Ref == ref && f.Type().Terminal() }).RequestID)
	}
	time.Sleep(indexLag(t))
	requestID, out, body := generate(t, c, today("")) // a PDF is the default
	pages := pagesOf(t, body)
	if len(pages) < 2 || out.Pages != len(pages) || out.Rows != requests+1 {
		t.Errorf("the PDF has %d pages, its result says %+v", len(pages), out)
	}
	text := strings.Join(pages, "")
	for _, want := range append(ids,
		requestID, "Requests61Ended60", "COMPLETED6098.4%", "PROCESSING11.6%", "echo_async6098.4%", "generate_report11.6%",
		fmt.Sprintf("Page1of%d", len(pages)), fmt.Sprintf("Page%dof%d", len(pages), len(pages)),
	) {
		if !strings.Contains(text, want) {
			t.Errorf("the PDF has no %q", want)
		}
	}

	// What is certain to be told of it, in order.
	var told []string
	var at float64
	for _, f := range c.of(requestID) {
		if p, ok := f.Frame.(protocol.Progress); ok {
			if p.Percentage < at || p.Attempt != 1 {
				t.Errorf("progress falls: %s", f.raw)
			}
			at = p.Percentage
			if slices.Contains([]string{"Initializing...", "Querying data...", "Processing...", "Rendering...", "Uploading..."}, p.Message) {
				told = append(told, fmt.Sprintf("%g %s", p.Percentage, p.Message))
			}
		}
	}
	if want := []string{"10 Initializing...", "30 Querying data...", "50 Processing...", "70 Rendering...", "90 Uploading..."}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// pagesOf reads a PDF's pages as a reader would see them, without the spaces, which a
// PDF need not have.
func pagesOf(t *testing.T, body []byte) []string {
	t.Helper()
	if !bytes.HasPrefix(body, []byte("%PDF")) {
		t.Fatalf("not a PDF: %.100q", body)
	}
	r, err := pdf.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for n := 1; n <= r.NumPage(); n++ {
		text, err := r.Page(n).GetPlainText(nil)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, strings.Join(strings.Fields(text), ""))
	}
	return pages
}

// A client that knows no more than this has its report.
func TestSmallestClient(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	c.write(t, websocket.MessageText, []byte(`{"action":"generate_report","payload":{"start_date":"2024-01-01","end_date":"2024-01-31"}}`))
	end := c.wait(t, "the end", func(f frame) bool { return f.Type() == protocol.TypeComplete })
	var told []float64
	for _, f := range c.frames(func(f frame) bool { return f.Type() == protocol.TypeProgress }) {
		var p struct {
			RequestID  string  `json:"request_id"`
			Percentage float64 `json:"percentage"`
			Message    string  `json:"message"`
		}
		if err := json.Unmarshal(f.raw, &p); err != nil || p.RequestID != end.RequestID || p.Message == "" {
			t.Errorf("got %s, %v", f.raw, err)
		}
		told = append(told, p.Percentage)
	}
	if len(told) < 5 || !slices.IsSorted(told) {
		t.Errorf("progress %v", told)
	}
	out := reportResult(t, as[protocol.Complete](t, end).Result)
	if body := download(t, out.URL); len(pagesOf(t, body)) != out.Pages || len(body) != out.Size {
		t.Errorf("the file has %d bytes, the result is %+v", len(body), out)
	}
}

func TestReportOfAnEmptyPeriodSaysSo(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	_, out, body := generate(t, c, report{"2024-01-01", "2024-01-31", "pdf"})
	pages := pagesOf(t, body)
	if len(pages) != 1 || out.Pages != 1 || out.Rows != 0 || !strings.Contains(pages[0], "Norequestswereacceptedinthisperiod.") {
		t.Errorf("got %q, result %+v", pages, out)
	}
	_, out, body = generate(t, c, report{"2024-01-01", "2024-01-01", "csv"})
	if out.Rows != 0 || strings.Count(string(body), "\n") != 1 {
		t.Errorf("got %q, result %+v", body, out)
	}
}

func TestBadReportsAreRefusedBeforeAnythingIsQueued(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	for payload, field := range map[string]string{
		`{}`:                          "start_date",
		`{"start_date":"2024-01-01"}`: "end_date",
		`{"start_date":"01/02/2024","end_date":"2024-01-31"}`:                    "start_date",
		`{"start_date":"2024-01-01","end_date":"2024-02-30"}`:                    "end_date",
		`{"start_date":"2024-01-01","end_date":"tomorrow"}`:                      "end_date",
		`{"start_date":20240101,"end_date":"2024-01-31"}`:                        "start_date",
		`{"start_date":"2024-02-01","end_date":"2024-01-31"}`:                    "end_date",
		`{"start_date":"2024-01-01","end_date":"2025-01-01"}`:                    "end_date",
		`{"start_date":"0001-01-01","end_date":"9999-12-31"}`:                    "end_date",
		`{"start_date":"2024-01-01","end_date":"2024-01-31","format":"xlsx"}`:    "format",
		`{"start_date":"2024-01-01","end_date":"2024-01-31","format":"PDF"}`:     "format",
		`{"start_date":"2024-01-01","end_date":"2024-01-31","tenant":"another"}`: "tenant",
	} {
		e := refused(t, c.ask(t, protocol.Message{Action: "generate_report", Payload: json.RawMessage(payload)}), protocol.InvalidPayload)
		if got, _ := e.Details["field"].(string); got != field {
			t.Errorf("%s: field %q: %s", payload, got, e.Message)
		}
	}
	if rows := requestsOf(t, c); len(rows) != 0 {
		t.Errorf("refused reports were queued: %+v", rows)
	}
}

func TestEachGetHasAFreshLink(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	id, first, body := generate(t, c, report{"2024-01-01", "2024-01-31", "csv"})
	time.Sleep(1100 * time.Millisecond) // links are dated to the second
	got := as[protocol.Request](t, c.about(t, protocol.ActionGet, id))
	again := reportResult(t, got.Result)
	if again.URL == first.URL || again.ExpiresAt <= first.ExpiresAt {
		t.Errorf("the link is the same, until %d and %d", first.ExpiresAt, again.ExpiresAt)
	}
	if !bytes.Equal(download(t, again.URL), body) || again.Size != first.Size {
		t.Errorf("the second link leads elsewhere: %+v", again)
	}
}
