package report_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/functions/handlers/report"
)

var keep = flag.String("keep", "", "keep the files of BenchmarkReport in this directory, to look at them")

// upload takes a report away without a look at it.
type upload struct {
	name   string
	weigh  func() // at each sign of life
	result json.RawMessage
}

func (u *upload) Report(float64, string) { u.weigh() }
func (u *upload) Step(float64, string)   { u.weigh() }

func (u *upload) Complete(result json.RawMessage, _ *streamer.File) error {
	u.result = result
	return nil
}

func (u *upload) Put(_ context.Context, name, _ string, body io.Reader) (streamer.File, error) {
	var to io.Writer = io.Discard
	if *keep != "" && u.name != "" {
		file, err := os.Create(filepath.Join(*keep, u.name))
		if err != nil {
			return streamer.File{}, err
		}
		defer file.Close()
		to = file
	}
	n, err := io.Copy(to, body)
	return streamer.File{Key: name, Size: n}, err
}

// generate makes a report on that many requests of a business.
func generate(tb testing.TB, u *upload, rows int, in handlers.ReportIn) (out handlers.ReportOut) {
	tb.Helper()
	tb.Setenv("TMPDIR", tb.TempDir())
	days, err := in.Days()
	if err != nil {
		tb.Fatal(err)
	}
	payload, err := json.Marshal(in)
	if err != nil {
		tb.Fatal(err)
	}
	history := business{first: days[0], days: len(days), total: rows}
	req := &streamer.Request[json.RawMessage]{Tenant: "northwind-payments", Payload: payload, Files: u}
	if err := handlers.GenerateReport.Bind(report.ReportHandler{History: history}.Handle).Handle(tb.Context(), req, u); err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(u.result, &out); err != nil {
		tb.Fatal(err)
	}
	if out.Rows != rows {
		tb.Fatalf("%d rows, want %d", out.Rows, rows)
	}
	return out
}

// A hundred times the rows take hardly more memory than the durations of those that
// ended. What lives in the heap is weighed after a collection, so no speed matters.
func TestMemoryIsFlat(t *testing.T) {
	alive := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	few, many := 1_000, 100_000
	if underRaceDetector() {
		many = 20_000 // it takes ten times as long
	}
	for _, format := range []string{handlers.FormatPDF, handlers.FormatCSV} {
		var most [2]float64
		for i, rows := range []int{few, many} {
			before, peak, signs := alive(), uint64(0), 0
			u := &upload{weigh: func() {
				if signs++; signs%50 == 0 {
					peak = max(peak, alive())
				}
			}}
			out := generate(t, u, rows, handlers.ReportIn{StartDate: "2024-01-01", EndDate: "2024-12-31", Format: format})
			most[i] = (float64(peak) - float64(before)) / 1e6
			t.Logf("%7d rows as %s: %d pages, %d bytes, %.1f MB alive", rows, format, out.Pages, out.Size, most[i])
		}
		if most[1] > 16 || most[1]-most[0] > 4 {
			t.Errorf("%s: %.1f MB are alive for %d rows, %.1f MB for %d", format, most[0], few, most[1], many)
		}
	}
}

func underRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// BenchmarkReport makes reports as the processor does. MB is the most that the process
// ever had of the machine's memory: run one alone to see its own.
func BenchmarkReport(b *testing.B) {
	for _, c := range []struct {
		name, first, last string
		rows              int
		format            string
	}{
		{"none", "2024-01-01", "2024-01-31", 0, handlers.FormatPDF},
		{"day", "2024-01-31", "2024-01-31", 9, handlers.FormatPDF},
		{"month", "2024-01-01", "2024-01-31", 2_500, handlers.FormatPDF},
		{"quarter", "2024-01-01", "2024-03-31", 12_000, handlers.FormatPDF},
		{"year", "2024-01-01", "2024-12-31", 100_000, handlers.FormatPDF},
		{"year", "2024-01-01", "2024-12-31", 100_000, handlers.FormatCSV},
	} {
		b.Run(c.name+"-"+c.format, func(b *testing.B) {
			in := handlers.ReportIn{StartDate: c.first, EndDate: c.last, Format: c.format}
			var out handlers.ReportOut
			for b.Loop() {
				out = generate(b, &upload{name: c.name + "." + c.format, weigh: func() {}}, c.rows, in)
			}
			b.ReportMetric(float64(out.Pages), "pages")
			b.ReportMetric(float64(out.Size)/1e6, "file-MB")
			b.ReportMetric(resident(b), "MB")
		})
	}
}

// resident is the peak of the process's resident memory in MB; 0 where the system does
// not tell.
func resident(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kB float64
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(after, &kB); err != nil {
		b.Fatal(err)
	}
	return kB * 1024 / 1e6
}
