package integ_test

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	sdk "github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// connect connects with the Go client, which gets a fresh token each time.
func connect(t *testing.T, s *stage, u user, options sdk.Options) *sdk.Client {
	t.Helper()
	if options.Token == nil {
		options.Token = func(context.Context) (string, error) { return s.sign(s.claims(u)) }
	}
	c, err := sdk.Dial(t.Context(), s.socket, &options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// phases notes where a client stands, one after the other.
type phases struct {
	mu     sync.Mutex
	states []sdk.State
}

func watchPhases(t *testing.T, c *sdk.Client) *phases {
	p := &phases{}
	go func() {
		for s := range c.States(t.Context()) {
			p.mu.Lock()
			p.states = append(p.states, s)
			p.mu.Unlock()
		}
	}()
	return p
}

// all are those so far.
func (p *phases) all() []sdk.State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.states)
}

// alwaysLive fails the test if the client was ever anything else.
func (p *phases) alwaysLive(t *testing.T) {
	t.Helper()
	for _, s := range p.all() {
		if s.Phase != sdk.Live {
			t.Errorf("the client was %+v", s)
		}
	}
}

// marks are the updates of a run that each is to be taken once.
func marks[Out any](t *testing.T, run *sdk.Run[Out]) (all []protocol.Status) {
	t.Helper()
	var last sdk.Update
	for u, err := range run.Updates(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if u.Attempt == last.Attempt && u.Percentage < last.Percentage {
			t.Errorf("%v fell to %v", last.Percentage, u.Percentage)
		}
		if last = u; u.Status != protocol.Processing {
			all = append(all, u.Status)
		}
	}
	return all
}

func echoFor(duration time.Duration, steps int) handlers.EchoAsyncIn {
	ms := int(duration.Milliseconds())
	return handlers.EchoAsyncIn{Message: "hello", DurationMS: &ms, Steps: &steps}
}

// A socket that is cut twenty times while a request runs loses nothing of it: what comes
// of it is known once, and nothing is done twice.
func TestTwentyCutsInOneRequest(t *testing.T) {
	t.Parallel()
	const cuts = 20
	s := local(t, "sockets that may be cut")
	u := fresh()
	c := connect(t, s, u, sdk.Options{})
	seen := watchPhases(t, c)
	run, err := sdk.Submit(t.Context(), c, handlers.EchoAsync, echoFor(5*time.Minute, 1000), nil)
	if err != nil {
		t.Fatal(err)
	}
	set := faults(t, s, front.Rule{Operation: front.ServerMessage, Contains: []string{run.ID(), `"type":"progress"`}, Count: cuts, Fault: front.FaultCut})
	go func() {
		awaitHits(t, s, set, cuts)
		if err := run.Cancel(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if got := marks(t, run); !slices.Equal(got, []protocol.Status{protocol.Pending, protocol.Cancelled}) {
		t.Errorf("got %q", got)
	}
	if rows := requestsOf(t, dial(t, u)); len(rows) != 1 || rows[0].id != run.ID() || rows[0].attempt != "1" {
		t.Errorf("the tenant's requests are %+v", rows)
	}
	var away []time.Duration
	var lost time.Time
	for _, state := range seen.all() {
		switch {
		case state.Phase != sdk.Live:
			lost = state.Since
		case !lost.IsZero():
			away = append(away, state.Since.Sub(lost))
		}
	}
	if len(away) < cuts/2 { // a state may be skipped where nobody was quick enough to look
		t.Fatalf("away %d times: %v", len(away), away)
	}
	slices.Sort(away)
	at := func(share float64) time.Duration {
		return away[int(share*float64(len(away)-1))].Round(time.Millisecond)
	}
	t.Logf("%d cuts; from a cut to live again: p50 %s, p95 %s", cuts, at(0.5), at(0.95))
}

// A connection that is replaced before API Gateway closes it, and before its token runs
// out, is live all the time.
func TestConnectionsAreReplacedInTime(t *testing.T) {
	t.Parallel()
	s := local(t, "limits that may be short")
	t.Run("before two hours are over", func(t *testing.T) {
		t.Parallel()
		u := fresh()
		control(t, "PUT", s.endpoint+"/_front/limits", front.Limits{Match: u.tenant, LifetimeMS: 12_000})
		near := *s
		near.socket += "?for=" + u.tenant
		c := connect(t, &near, u, sdk.Options{Lifetime: 2 * time.Second})
		seen := watchPhases(t, c)
		run, err := sdk.Submit(t.Context(), c, handlers.EchoAsync, echoFor(14*time.Second, 140), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := marks(t, run); !slices.Equal(got, []protocol.Status{protocol.Pending, protocol.Completed}) {
			t.Errorf("got %q", got)
		}
		seen.alwaysLive(t)
	})
	t.Run("before the token runs out", func(t *testing.T) {
		t.Parallel()
		u := fresh()
		var asked atomic.Int64
		c := connect(t, s, u, sdk.Options{Token: func(context.Context) (string, error) {
			asked.Add(1)
			claims := s.claims(u)
			claims["exp"] = jwt.NewNumericDate(time.Now().Add(10 * time.Second))
			return s.sign(claims)
		}})
		run, err := sdk.Submit(t.Context(), c, handlers.EchoAsync, echoFor(12*time.Second, 120), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := marks(t, run); !slices.Equal(got, []protocol.Status{protocol.Pending, protocol.Completed}) {
			t.Errorf("got %q", got)
		}
		if out, err := c.Call(t.Context(), "echo", "still here"); err != nil || string(out) != `"still here"` {
			t.Errorf("got %s, %v", out, err)
		}
		if n := asked.Load(); n < 2 {
			t.Errorf("a token was asked for %d times", n)
		}
	})
}

// A client that sleeps for an hour, where ten minutes are a second, finds when it wakes that
// its connection was closed and its request ended: the terminal demo, stopped meanwhile.
func TestClientSleeps(t *testing.T) {
	t.Parallel()
	const minute = 100 * time.Millisecond
	s := local(t, "limits that may be short")
	u := fresh()
	control(t, "PUT", s.endpoint+"/_front/limits", front.Limits{Match: u.tenant, LifetimeMS: (20 * minute).Milliseconds()})
	program := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../client/demo").CombinedOutput(); err != nil {
		t.Fatalf("build the demo: %v\n%s", err, out)
	}
	demo := exec.CommandContext(t.Context(), program, "-json", "echo_async", `{"message":"goodnight","duration_ms":4000,"steps":80}`)
	demo.Env = append(os.Environ(), "STREAMER_WS_URL="+s.socket+"?for="+u.tenant, "STREAMER_TOKEN="+s.token(t, u))
	var stdout bytes.Buffer
	demo.Stdout = &stdout
	stderr, err := demo.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if said = append(said, lines.Text()); len(said) > 1 {
			continue
		}
		if err := demo.Process.Signal(syscall.SIGSTOP); err != nil { // it was accepted
			t.Fatal(err)
		}
		time.Sleep(60 * minute)
		if err := demo.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	all := strings.Join(said, "\n")
	if err := demo.Wait(); err != nil {
		t.Errorf("%v: %s", err, all)
	}
	if got := stdout.String(); !strings.Contains(got, `"status":"COMPLETED","result":{"message":"goodnight"}`) || strings.Count(got, "\n") != 1 {
		t.Errorf("got %s", got)
	}
	if !strings.Contains(all, "connected again after") {
		t.Errorf("the connection was never lost: %s", all)
	}
}

// Another client of the same user's takes a request up by its id, and sees the same end.
func TestSDKTakesARequestUp(t *testing.T) {
	t.Parallel()
	s := deployed(t)
	u := fresh()
	first, second := connect(t, s, u, sdk.Options{}), connect(t, s, u, sdk.Options{})
	run, err := sdk.Submit(t.Context(), first, handlers.EchoAsync, echoFor(time.Second, 5), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	for _, when := range []string{"while it runs", "after its end"} {
		again, err := sdk.Watch[handlers.EchoAsyncOut](t.Context(), second, run.ID())
		if err != nil {
			t.Fatal(err)
		}
		if out, err := again.Result(t.Context()); err != nil || out.Message != "hello" {
			t.Errorf("%s: %+v, %v", when, out, err)
		}
		again.Detach()
	}
	var listed []string
	for end := time.Now().Add(patience); len(listed) == 0 && time.Now().Before(end); time.Sleep(100 * time.Millisecond) { // an index lags
		for r, err := range second.List(t.Context(), protocol.List{Status: protocol.ListEnded}) {
			if err != nil {
				t.Fatal(err)
			}
			listed = append(listed, r.RequestID)
		}
	}
	if !slices.Equal(listed, []string{run.ID()}) {
		t.Errorf("listed %q", listed)
	}
	if stored, err := second.Get(t.Context(), run.ID()); err != nil || stored.Status != protocol.Completed {
		t.Errorf("got %+v, %v", stored, err)
	}
	if _, err := sdk.Watch[handlers.EchoAsyncOut](t.Context(), connect(t, s, fresh(), sdk.Options{}), run.ID()); err == nil || !strings.Contains(err.Error(), string(protocol.NotFound)) {
		t.Errorf("a stranger got %v", err)
	}
}
