package connection_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/connection"
	"github.com/pay-theory/streamer/internal/metric/metrictest"
	"github.com/pay-theory/streamer/protocol"
)

var frame = protocol.Pong{Answer: protocol.Answer{ID: "<m&1>", TS: 7}}

const encoded = `{"type":"pong","id":"<m&1>","ts":7}`

// gateway answers calls about connections.
type gateway struct {
	mu     sync.Mutex
	status int
	body   string
	posts  []string // method, path and body
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.posts = append(g.posts, fmt.Sprint(r.Method, " ", r.URL.EscapedPath(), " ", string(body), err))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(g.status)
	io.WriteString(w, g.body)
}

// table forgets connections.
type table struct {
	mu        sync.Mutex
	forgotten []string
	err       error
}

func (t *table) Delete(_ context.Context, id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgotten = append(t.forgotten, id)
	return t.err
}

type world struct {
	*connection.Manager
	table   *table
	metrics *metrictest.Tally
	log     *bytes.Buffer
}

// manager posts with the real client, as it is in Lambda but for its address.
func manager(t *testing.T, handler http.Handler) world {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w := world{table: &table{}, metrics: &metrictest.Tally{}, log: &bytes.Buffer{}}
	w.Manager = &connection.Manager{
		Poster: client(server), Forget: w.table, Metrics: w.metrics, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
	}
	return w
}

func client(server *httptest.Server) *apigatewaymanagementapi.Client {
	endpoint := server.URL + "/prod"
	return apigatewaymanagementapi.New(apigatewaymanagementapi.Options{
		Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
	})
}

func TestSend(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		want    error // nil: none of the known ones
		ok      bool
		metrics map[string]int
		log     string
	}{
		"taken":      {200, "", nil, true, map[string]int{"FramesPosted": 1}, ""},
		"gone":       {410, `{"message":"Gone"}`, streamer.ErrGone, false, map[string]int{"ConnectionsGone": 1}, ""},
		"throttled":  {429, `{"message":"Rate exceeded"}`, streamer.ErrThrottled, false, map[string]int{"PostsThrottled": 1}, ""},
		"denied":     {403, `{"Message":"User is not authorized"}`, streamer.ErrDenied, false, map[string]int{"PostsDenied": 1}, "ManageConnections"},
		"too large":  {413, `{"message":"Payload too large"}`, streamer.ErrTooLarge, false, map[string]int{"PostsTooLarge": 1}, `"bytes":35`},
		"broken":     {500, `{"message":"Internal server error"}`, nil, false, map[string]int{"PostsFailed": 1}, ""},
		"no JSON":    {503, `<html>`, nil, false, map[string]int{"PostsFailed": 1}, ""},
		"bad id":     {400, `{"message":"Invalid connectionId"}`, nil, false, map[string]int{"PostsFailed": 1}, ""},
		"redirected": {404, ``, nil, false, map[string]int{"PostsFailed": 1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := &gateway{status: c.status, body: c.body}
			m := manager(t, g)
			err := m.Send(t.Context(), "L0SM9cOFvHcCIhw=", frame)
			if (err == nil) != c.ok || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("err is %v, want %v", err, c.want)
			}
			for _, known := range []error{streamer.ErrGone, streamer.ErrThrottled, streamer.ErrDenied, streamer.ErrTooLarge} {
				if known != c.want && errors.Is(err, known) {
					t.Errorf("err is %v as well", known)
				}
			}
			if want := []string{"POST /prod/@connections/L0SM9cOFvHcCIhw%3D " + encoded + "<nil>"}; !slices.Equal(g.posts, want) {
				t.Errorf("posts %q, want %q", g.posts, want)
			}
			if !maps.Equal(m.metrics.Sums(), c.metrics) {
				t.Errorf("metrics %v, want %v", m.metrics.Sums(), c.metrics)
			}
			if (c.log == "") != (m.log.Len() == 0) || !strings.Contains(m.log.String(), c.log) {
				t.Errorf("log is %s, want %s", m.log, c.log)
			}
			if gone := errors.Is(c.want, streamer.ErrGone); m.IsActive("L0SM9cOFvHcCIhw=") == gone || (len(m.table.forgotten) == 1) != gone {
				t.Errorf("forgotten %v", m.table.forgotten)
			}
		})
	}
}

func TestAGoneConnectionIsNotPostedToAgain(t *testing.T) {
	g := &gateway{status: 410}
	m := manager(t, g)
	if !m.IsActive("a") || !m.IsActive("b") {
		t.Error("gone before any post")
	}
	for range 3 {
		if err := m.Send(t.Context(), "a", frame); err != streamer.ErrGone {
			t.Errorf("err is %v", err)
		}
	}
	if m.IsActive("a") || !m.IsActive("b") || len(g.posts) != 1 || !slices.Equal(m.table.forgotten, []string{"a"}) || m.metrics.Sums()["ConnectionsGone"] != 1 {
		t.Errorf("posts %q, forgotten %q, metrics %v", g.posts, m.table.forgotten, m.metrics.Sums())
	}
}

func TestAConnectionThatCannotBeForgotten(t *testing.T) {
	m := manager(t, &gateway{status: 410})
	m.table.err = errors.New("table is away")
	if err := m.Send(t.Context(), "a", frame); err != streamer.ErrGone || m.IsActive("a") || !strings.Contains(m.log.String(), "table is away") {
		t.Errorf("err is %v, log %s", err, m.log)
	}
}

// TestTwoPostsFindAConnectionGone has both on their way before either is answered.
func TestTwoPostsFindAConnectionGone(t *testing.T) {
	var arrived sync.WaitGroup
	arrived.Add(2)
	m := manager(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Done()
		arrived.Wait()
		w.WriteHeader(http.StatusGone)
	}))
	var posts sync.WaitGroup
	for range 2 {
		posts.Go(func() {
			if err := m.Send(t.Context(), "a", frame); err != streamer.ErrGone {
				t.Errorf("err is %v", err)
			}
		})
	}
	posts.Wait()
	if !slices.Equal(m.table.forgotten, []string{"a"}) {
		t.Errorf("forgotten %q", m.table.forgotten)
	}
}

func TestTheMemoryOfGoneConnectionsIsBounded(t *testing.T) {
	m := manager(t, &gateway{status: 410})
	forgotten := 0
	for i := range 1001 {
		if err := m.Send(t.Context(), fmt.Sprint("c", i), frame); err != streamer.ErrGone {
			t.Fatal(err)
		}
	}
	for i := range 1001 {
		if m.IsActive(fmt.Sprint("c", i)) {
			forgotten++
		}
	}
	if forgotten != 1000 || m.IsActive("c1000") {
		t.Errorf("%d of 1001 are remembered no more", forgotten)
	}
}

func TestAPostThatIsNotAnswered(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	m := manager(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		calls++
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		cancel()
		<-r.Context().Done()
	}))
	if err := m.Send(ctx, "a", frame); !errors.Is(err, context.Canceled) || calls != 1 || !m.IsActive("a") {
		t.Errorf("err is %v after %d calls", err, calls)
	}
}

func TestAnAddressThatNobodyServes(t *testing.T) {
	m := manager(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		panic(http.ErrAbortHandler) // the connection is reset
	}))
	if err := m.Send(t.Context(), "a", frame); err == nil || errors.Is(err, streamer.ErrGone) || !m.IsActive("a") {
		t.Errorf("err is %v", err)
	}
}

func TestAFrameThatCannotBeWrittenIsNotPosted(t *testing.T) {
	g := &gateway{status: 200}
	m := manager(t, g)
	if err := m.Send(t.Context(), "a", protocol.Complete{Result: []byte("{")}); err == nil || len(g.posts) != 0 {
		t.Errorf("err is %v, posts %q", err, g.posts)
	}
}
