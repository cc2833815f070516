package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/localpage"
	"github.com/pay-theory/streamer/internal/place"
)

//go:embed page
var files embed.FS

// page shows dashboards in a browser.
type page struct {
	charts
	cfg    aws.Config
	names  []string // of the dashboards, the first is shown first
	source string
	refill func(context.Context) error // what is logged becomes metrics; nil: they are there
}

func newPage(at place.Stage) (page, error) {
	local := at.Emulator != ""
	p := page{charts: charts{client: cloudwatch.NewFromConfig(at.Config), local: local}, cfg: at.Config, source: "CloudWatch of " + at.Config.Region}
	if _, err := at.Stack.Need(contract.OutputDashboardName); err != nil {
		return p, err
	}
	for _, output := range []string{contract.OutputDashboardName, contract.OutputDetailDashboardName} {
		if name := at.Stack.Values[output]; name != "" {
			p.names = append(p.names, name)
		}
	}
	if local {
		p.source, p.refill = "the local stage", newBridge(at.Config, at.Stack.Name).fill
	}
	return p, nil
}

// maxMinutes is how far back a graph may reach: CloudWatch keeps points of a minute for 15
// days ("Metrics retention").
const maxMinutes = 15 * 24 * 60

// serve shows the page on a port of this machine alone until ctx ends. chartLibrary is the
// folder with uPlot's files. tell is called with its address.
func (p page) serve(ctx context.Context, port int, chartLibrary string, tell func(address string)) error {
	if _, err := os.Stat(filepath.Join(chartLibrary, "uPlot.iife.min.js")); err != nil {
		return fmt.Errorf("find the chart library: %w: run make node_modules", err)
	}
	static, err := fs.Sub(files, "page")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(static))
	mux.Handle("GET /uplot/", http.StripPrefix("/uplot/", http.FileServer(http.Dir(chartLibrary))))
	mux.HandleFunc("GET /data", p.data)
	listener, err := localpage.Listen(ctx, port)
	if err != nil {
		return err
	}
	tell("http://" + listener.Addr().String())
	return localpage.Serve(ctx, listener, ownOnly(mux))
}

// ownOnly refuses requests that come by another name than this machine's: a page elsewhere
// could send them through its visitor's browser.
func ownOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err != nil || host != "127.0.0.1" && host != "localhost" {
			http.Error(w, "open this page as http://127.0.0.1", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// shown is a widget with its numbers, as the page takes it.
type shown struct {
	X          int         `json:"x"`
	Y          int         `json:"y"`
	W          int         `json:"w"`
	H          int         `json:"h"`
	Title      string      `json:"title"`
	Markdown   string      `json:"markdown,omitempty"`
	Alarms     []state     `json:"alarms,omitempty"`
	Log        *table      `json:"log,omitempty"`
	Numbers    []number    `json:"numbers,omitempty"`
	Lines      []drawn     `json:"lines,omitempty"`
	Times      []int64     `json:"times,omitempty"`
	Thresholds []threshold `json:"thresholds,omitempty"`
	Left       string      `json:"left,omitempty"`
	Right      string      `json:"right,omitempty"`
	Stacked    bool        `json:"stacked,omitempty"`
	// Elsewhere says that only AWS has what this graph shows.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

type state struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

type number struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

type drawn struct {
	Label  string     `json:"label"`
	Color  string     `json:"color,omitempty"`
	Right  bool       `json:"right,omitempty"`
	Values []*float64 `json:"values"` // one for each of the times; null where there is none
}

func (p page) data(w http.ResponseWriter, r *http.Request) {
	name := p.names[0]
	if asked := r.FormValue("dashboard"); slices.Contains(p.names, asked) {
		name = asked
	}
	minutes, err := strconv.Atoi(r.FormValue("minutes"))
	if err != nil || minutes < 1 || minutes > maxMinutes {
		minutes = 60
	}
	answer, err := p.show(r.Context(), name, time.Now().Add(-time.Duration(minutes)*time.Minute), time.Now())
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			slog.Error("the dashboard could not be read", "dashboard", name, "error", err)
		}
		w.WriteHeader(http.StatusBadGateway)
		answer = map[string]any{"error": err.Error()}
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		slog.Warn("an answer was not taken", "error", err)
	}
}

func (p page) show(ctx context.Context, name string, from, to time.Time) (map[string]any, error) {
	if p.refill != nil {
		if err := p.refill(ctx); err != nil {
			return nil, err
		}
	}
	out, err := p.client.GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: &name})
	if err != nil {
		return nil, fmt.Errorf("get dashboard: %w", err)
	}
	widgets, err := parse([]byte(aws.ToString(out.DashboardBody)))
	if err != nil {
		return nil, err
	}
	alarms, err := alarmStates(ctx, p.client, widgets)
	if err != nil {
		return nil, err
	}
	all := []shown{}
	for _, w := range widgets {
		one := shown{X: w.x, Y: w.y, W: w.w, H: w.h, Title: w.title, Markdown: w.markdown, Thresholds: w.thresholds, Left: w.units[0], Right: w.units[1], Stacked: w.stacked}
		for _, arn := range w.alarms {
			one.Alarms = append(one.Alarms, state{alarms[arn].name, alarms[arn].state})
		}
		if w.query != "" {
			log, err := logTable(ctx, p.cfg, w.query, from)
			if err != nil {
				return nil, err
			}
			one.Log = &log
		}
		if w.numbers {
			values, err := p.totals(ctx, w.metrics(), from, to)
			if err != nil {
				return nil, err
			}
			for i, m := range w.metrics() {
				one.Numbers = append(one.Numbers, number{m.label, text(m, values[i])})
			}
		} else if len(w.lines) > 0 {
			lines, err := p.read(ctx, w, from, to, step(to.Sub(from)))
			if err != nil {
				return nil, err
			}
			one.Times, one.Lines = align(lines)
			one.Elsewhere = p.local && len(one.Times) == 0 && !slices.ContainsFunc(w.lines, line.bridged)
		}
		all = append(all, one)
	}
	return map[string]any{"name": name, "dashboards": p.names, "source": p.source, "from": from.Unix(), "to": to.Unix(), "widgets": all}, nil
}

// bridged reports whether the local stage has a line too: Streamer's own metrics, what it
// measures of functions, and what a bridge makes.
func (l line) bridged() bool {
	return search.MatchString(l.expression) || !l.hidden && (l.namespace == contract.MetricNamespace ||
		l.namespace == "AWS/Lambda" && slices.Contains([]string{"Invocations", "Errors", "Throttles", "Duration"}, l.name) ||
		l.namespace == "AWS/SQS" && strings.HasPrefix(l.name, "ApproximateNumber"))
}

// step is the time between two points of a graph, in seconds.
func step(whole time.Duration) int {
	switch {
	case whole <= 3*time.Hour:
		return 60
	case whole <= 24*time.Hour:
		return 300
	}
	return 3600
}

// align brings lines onto common times.
func align(lines []series) (times []int64, all []drawn) {
	for _, l := range lines {
		times = append(times, l.times...)
	}
	slices.Sort(times)
	times = slices.Compact(times)
	for _, l := range lines {
		d := drawn{Label: l.label, Color: l.color, Right: l.right, Values: make([]*float64, len(times))}
		for i, at := range l.times {
			n, _ := slices.BinarySearch(times, at)
			d.Values[n] = &l.values[i]
		}
		all = append(all, d)
	}
	return times, all
}
