package client

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/client/conformance"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

var update = flag.Bool("update", false, "write the results of the conformance cases")

// Every SDK gets through the same cases. Time stands still here unless everyone waits, so
// that none of them depends on how fast the machine is.
func TestConformance(t *testing.T) {
	cases, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	passed := make([]bool, len(cases))
	t.Cleanup(func() { holdResults(t, cases, passed) })
	for i, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				handler := newConformance(t)
				newDriver(t, c, "stage.test", newNetwork(t, handler)).play()
			})
			passed[i] = !t.Failed()
		})
	}
}

// The same through the local stage's front, which stands where API Gateway does, over
// sockets and in the machine's own time.
func TestConformanceThroughTheFront(t *testing.T) {
	cases, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(newConformance(t))
	t.Cleanup(server.Close)
	upstream, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	gateway := httptest.NewServer(front.New(upstream, nil, nil, slog.New(slog.DiscardHandler)))
	t.Cleanup(gateway.Close)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			d := newDriver(t, c, strings.TrimPrefix(gateway.URL, "http://"), http.DefaultClient)
			d.options.timing.busyPing = min(d.options.timing.busyPing, time.Second) // as nobody wants to wait for a minute
			d.play()
		})
	}
}

// newConformance is a server that ends with the test.
func newConformance(t *testing.T) *conformance.Server {
	server, err := conformance.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// holdResults fails the test if the table of results says otherwise.
func holdResults(t *testing.T, cases []conformance.Case, passed []bool) {
	const file = "conformance/results/go.txt"
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // only some were played
	}
	var names strings.Builder
	for i, c := range cases {
		if passed[i] {
			fmt.Fprintln(&names, c.Name)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(names.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != names.String() {
		t.Errorf("%s has other cases than passed (%v): review them, then run this test with -update", file, err)
	}
}

// maxTime is how long a case may take by its own clock, where nothing else does: longer,
// and the next ping, or the next connection for the last one's age, would mend anything.
const maxTime = 90 * time.Second

// driver plays one case.
type driver struct {
	t       *testing.T
	c       conformance.Case
	place   string // the case's, without a scheme
	http    *http.Client
	options *Options
	asleep  atomic.Int64 // how long the machine slept, in nanoseconds
	tokens  int
	last    string          // of the tokens
	done    map[string]bool // messages that the client has done something for
}

func newDriver(t *testing.T, c conformance.Case, host string, http *http.Client) *driver {
	d := &driver{t: t, c: c, place: host + "/run/" + c.Name + "/once", http: http, done: map[string]bool{}}
	timing := defaultTiming
	timing.backoff = 10 * time.Millisecond
	for name, of := range map[string][]*time.Duration{
		"handshake": {&timing.handshake}, "answer": {&timing.answer}, "ping": {&timing.ping, &timing.busyPing}, "pong": {&timing.pong}, "life": {&timing.life}, "handover": {&timing.handover},
	} {
		if ms, ok := c.Timing[name]; ok {
			for _, field := range of {
				*field = time.Duration(ms) * time.Millisecond
			}
		}
	}
	d.options = &Options{
		Token: d.token, HTTPClient: d.http, timing: timing,
		now: func() time.Time { return time.Now().Round(0).Add(time.Duration(d.asleep.Load())) },
	}
	return d
}

// token is one that lasts as long as the case says, and that no other is like.
func (d *driver) token(context.Context) (string, error) {
	if d.c.OneToken && d.last != "" {
		return d.last, nil
	}
	lasts := 24 * time.Hour
	if d.c.TokenMS > 0 {
		lasts = time.Duration(d.c.TokenMS) * time.Millisecond
	}
	d.tokens++
	claims := fmt.Sprintf(`{"exp":%f,"jti":"%d"}`, float64(time.Now().Add(lasts).UnixMilli())/1000, d.tokens)
	d.last = "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	return d.last, nil
}

func (d *driver) connect() *Client {
	c, err := Connect("ws://"+d.place, d.options)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (d *driver) payload() json.RawMessage {
	switch {
	case d.c.PayloadSize > 0:
		return fmt.Appendf(nil, `{"fill":"%s"}`, strings.Repeat("x", d.c.PayloadSize))
	case d.c.Payload == nil:
		return json.RawMessage("null")
	}
	return d.c.Payload
}

func (d *driver) play() {
	began := time.Now()
	updates, result, err := d.run()
	if took := time.Since(began); took > maxTime {
		d.t.Errorf("it took %s: something else than the client's own care went on", took)
	}
	d.outcome(result, err)
	if !slices.Equal(updates, d.c.Expect.Updates) {
		d.t.Errorf("the updates are %q, not %q", updates, d.c.Expect.Updates)
	}
	seen := d.report()
	for name, within := range d.c.Expect.Report {
		if n := seen[name]; n < within[0] || n > within[1] {
			d.t.Errorf("%s is %d, not %d to %d: %v", name, n, within[0], within[1], seen)
		}
	}
}

// run submits what the case says, or attaches, and follows it to its end.
func (d *driver) run() (updates []string, result json.RawMessage, err error) {
	ctx := d.t.Context()
	client := d.connect()
	var run *Run[json.RawMessage]
	if d.c.Attach {
		run, err = Watch[json.RawMessage](ctx, client, "unknown")
	} else {
		action := streamer.Action[json.RawMessage, json.RawMessage]{Name: d.c.Action}
		if action.Name == "" {
			action.Name, action.Async = "work", true
		}
		run, err = Submit(ctx, client, action, d.payload(), nil)
	}
	if err != nil {
		return nil, nil, err
	}
	updates, reload := d.follow(run)
	if reload {
		_ = client.Close()
		if _, err := run.Result(ctx); !errors.Is(err, ErrDisconnected) || !errors.Is(err, net.ErrClosed) {
			d.t.Errorf("a closed client's request gives %v", err)
		}
		if run, err = Watch[json.RawMessage](ctx, d.connect(), run.ID()); err != nil {
			return nil, nil, err
		}
		updates, _ = d.follow(run)
	}
	result, err = run.Result(ctx)
	return updates, result, err
}

// follow does what the client of the case does until the request ends, or it is to be
// taken up by another client. It returns the states that were taken.
func (d *driver) follow(run *Run[json.RawMessage]) (updates []string, reload bool) {
	var last Update
	for u, err := range run.Updates(d.t.Context()) {
		if err != nil { // it is the result's, too
			return updates, false
		}
		if u.Attempt == last.Attempt && u.Percentage < last.Percentage {
			d.t.Errorf("%v fell to %v", last.Percentage, u.Percentage)
		}
		switch last = u; u.Status {
		case protocol.Processing:
		case protocol.Retrying:
			updates = append(updates, fmt.Sprintf("RETRYING %d", u.Attempt))
		default:
			updates = append(updates, string(u.Status))
		}
		if d.done[u.Message] {
			continue
		}
		d.done[u.Message] = true
		switch d.c.Client[u.Message] {
		case conformance.ActCancel:
			if err := run.Cancel(d.t.Context()); err != nil {
				d.t.Error(err)
			}
		case conformance.ActSleep:
			d.asleep.Add(int64(time.Hour))
		case conformance.ActReload:
			return updates, true
		}
	}
	return updates, false
}

// outcome compares what came of the request.
func (d *driver) outcome(result json.RawMessage, err error) {
	want := d.c.Expect
	if want.Error != "" {
		var code protocol.Code
		if e, ok := errors.AsType[*Error](err); ok {
			code = e.Code
		} else if e, ok := errors.AsType[*HandshakeError](err); ok && e.Status == http.StatusUnauthorized {
			code = protocol.Unauthenticated
		}
		if string(code) != want.Error {
			d.t.Errorf("got %s and %v, want %s", result, err, want.Error)
		}
		return
	}
	expected := want.Result
	if want.Echo {
		expected = d.payload()
	}
	if expected == nil {
		expected = json.RawMessage("null")
	}
	if err != nil || !same(d.t, result, expected) {
		d.t.Errorf("got %.100s and %v, want %.100s", result, err, expected)
	}
}

func same(t *testing.T, a, b json.RawMessage) bool {
	var values [2]any
	for i, text := range [][]byte{a, b} {
		if err := json.Unmarshal(text, &values[i]); err != nil {
			t.Errorf("%.100s: %v", text, err)
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}

// report is what the server saw.
func (d *driver) report() (numbers map[string]int) {
	answer, err := d.http.Get("http://" + d.place + "/report")
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(answer.Body); err != nil {
		d.t.Fatal(err)
	}
	if err := json.Unmarshal(text.Bytes(), &numbers); err != nil {
		d.t.Fatal(err)
	}
	return numbers
}
