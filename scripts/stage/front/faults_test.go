package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

// control makes a call to the front's own paths.
func control(t *testing.T, server *httptest.Server, method, path string, body any) (int, string) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, server.URL+path, strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

func putFaults(t *testing.T, server *httptest.Server, rules ...Rule) {
	t.Helper()
	if status, answer := control(t, server, "PUT", "/_front/faults/test", rules); status != http.StatusNoContent {
		t.Fatalf("%d: %s", status, answer)
	}
}

// hits are what each rule did.
func hits(t *testing.T, server *httptest.Server) []activeRule {
	t.Helper()
	_, answer := control(t, server, "GET", "/_front/faults/test", nil)
	var rules []activeRule
	if err := json.Unmarshal([]byte(answer), &rules); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	return rules
}

// callDynamo makes an UpdateItem call over a connection of its own.
func callDynamo(server *httptest.Server, body string) (status int, answer string, err error) {
	req, err := http.NewRequest("POST", server.URL, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810.UpdateItem")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

// upstreamCounting answers "done" to every call and counts them.
func upstreamCounting(n *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n.Add(1)
		_, _ = io.WriteString(w, "done")
	})
}

func TestRuleIsValidated(t *testing.T) {
	_, server := newFront(t, http.NotFoundHandler())
	for _, bad := range []any{
		Rule{Fault: FaultReset}, Rule{Operation: "[", Fault: FaultReset}, Rule{Operation: "*"}, Rule{Operation: "*", Fault: "x"},
		Rule{Operation: "*", Fault: FaultCut}, Rule{Operation: ClientMessage, Fault: FaultDelay},
		Rule{Operation: "*", Fault: FaultReset, When: "during"}, Rule{Operation: "*", Fault: FaultError, When: After},
		Rule{Operation: "*", Fault: FaultReset, Probability: 1.1}, Rule{Operation: "*", Fault: FaultReset, Count: -1},
		Rule{Operation: "*", Fault: FaultError, Status: 200}, map[string]any{"operation": "*", "fault": "reset", "chance": 1},
	} {
		if status, answer := control(t, server, "PUT", "/_front/faults/test", []any{bad}); status != http.StatusBadRequest || answer == "" {
			t.Errorf("%+v: %d %q", bad, status, answer)
		}
	}
	if got := hits(t, server); len(got) != 0 {
		t.Errorf("in force: %+v", got)
	}
}

func TestErrorsHaveTheServicesForm(t *testing.T) {
	var arrived atomic.Int32
	f, server := newFront(t, upstreamCounting(&arrived))
	for _, test := range []struct {
		service, target, path string
		rule                  Rule
		status                int
		code                  string
	}{
		{"dynamodb", "DynamoDB_20120810.GetItem", "/", Rule{Fault: FaultThrottle}, 400, "ThrottlingException"},
		{"sqs", "AmazonSQS.SendMessageBatch", "/", Rule{Fault: FaultThrottle}, 400, "RequestThrottled"},
		{"execute-api", "", "/a/@connections/c", Rule{Fault: FaultThrottle}, 429, "LimitExceededException"},
		{"execute-api", "", "/a/@connections/c", Rule{Fault: FaultError, Status: 410, Code: "GoneException"}, 410, "GoneException"},
		{"s3", "", "/bucket/key", Rule{Fault: FaultThrottle}, 503, "<Code>SlowDown</Code>"},
		{"dynamodb", "DynamoDB_20120810.GetItem", "/", Rule{Fault: FaultError}, 500, "InternalServerError"},
	} {
		test.rule.Operation = test.service + ".*"
		putFaults(t, server, test.rule)
		req, err := http.NewRequest("POST", server.URL+test.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", signed(test.service))
		if test.target != "" {
			req.Header.Set("X-Amz-Target", test.target)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != test.status || !strings.Contains(string(body), test.code) {
			t.Errorf("%+v: %s %s", test.rule, resp.Status, body)
		}
		if header := resp.Header.Get("X-Amzn-Errortype"); test.service != "s3" && header != test.code {
			t.Errorf("%+v: X-Amzn-Errortype %q", test.rule, header)
		}
	}
	if n := arrived.Load(); n != 0 {
		t.Errorf("%d calls were passed on", n)
	}
	if f.Calls()["dynamodb.GetItem"] != 2 {
		t.Errorf("counted %v", f.Calls())
	}
}

func TestRulePicksItsCalls(t *testing.T) {
	var arrived atomic.Int32
	_, server := newFront(t, upstreamCounting(&arrived))
	putFaults(t, server, Rule{Operation: "dynamodb.Update*", Contains: []string{"r-1", "pulse"}, Skip: 1, Count: 2, Fault: FaultError})
	var got []int
	for _, body := range []string{"r-1 pulse", "r-2 pulse", "r-1 claim", "r-1 pulse", "pulse of r-1", "r-1 pulse"} {
		status, _, err := callDynamo(server, body)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, status)
	}
	if want := "[200 200 200 500 500 200]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if r := hits(t, server)[0]; r.Seen != 4 || len(r.Hits) != 2 || r.Hits[0].Operation != "dynamodb.UpdateItem" {
		t.Errorf("got %+v", r)
	}
	control(t, server, "DELETE", "/_front/faults/other", nil)
	if len(hits(t, server)) != 1 {
		t.Error("another set's end ended this one")
	}
	control(t, server, "DELETE", "/_front/faults", nil)
	if status, _, err := callDynamo(server, "r-1 pulse"); status != 200 || err != nil {
		t.Errorf("after a clear: %d, %v", status, err)
	}
}

func TestProbabilityIsSeeded(t *testing.T) {
	var arrived atomic.Int32
	_, server := newFront(t, upstreamCounting(&arrived))
	pattern := func(seed uint64) (s string) {
		putFaults(t, server, Rule{Operation: "*", Probability: 0.3, Seed: seed, Fault: FaultError})
		for range 60 {
			status, _, err := callDynamo(server, "")
			if err != nil {
				t.Fatal(err)
			}
			s += fmt.Sprint(status / 500)
		}
		return s
	}
	a, again, b := pattern(1), pattern(1), pattern(2)
	if a != again || a == b {
		t.Errorf("got\n%s\n%s\n%s", a, again, b)
	}
	if n := strings.Count(a, "1"); n < 8 || n > 30 {
		t.Errorf("%d of 60", n)
	}
}

func TestResetAndDelay(t *testing.T) {
	var arrived atomic.Int32
	_, server := newFront(t, upstreamCounting(&arrived))
	for _, test := range []struct {
		rule    Rule
		arrives int32
		reset   bool
	}{
		{Rule{Fault: FaultReset}, 0, true},
		{Rule{Fault: FaultReset, When: After}, 1, true},
		{Rule{Fault: FaultDelay, DelayMS: 100}, 1, false},
		{Rule{Fault: FaultDelay, DelayMS: 100, When: After}, 1, false},
	} {
		arrived.Store(0)
		test.rule.Operation = "*"
		putFaults(t, server, test.rule)
		start := time.Now()
		_, answer, err := callDynamo(server, "x")
		if test.reset != errors.Is(err, syscall.ECONNRESET) || !test.reset && answer != "done" {
			t.Errorf("%+v: %q, %v", test.rule, answer, err)
		}
		if n := arrived.Load(); n != test.arrives {
			t.Errorf("%+v: %d arrived", test.rule, n)
		}
		if took := time.Since(start); took < time.Duration(test.rule.DelayMS)*time.Millisecond {
			t.Errorf("%+v: took %s", test.rule, took)
		}
		if status := hits(t, server)[0].Hits[0].Status; (status == http.StatusOK) != (test.arrives > 0) {
			t.Errorf("%+v: the emulator's answer was %d", test.rule, status)
		}
	}
}

// A call whose caller gives up while it is delayed happens all the same, and late.
func TestDelayedCallHappens(t *testing.T) {
	var arrived atomic.Int32
	_, server := newFront(t, upstreamCounting(&arrived))
	putFaults(t, server, Rule{Operation: "*", Fault: FaultDelay, DelayMS: 2000})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/x", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Fatal("answered")
	}
	if arrived.Load() != 0 {
		t.Error("it was not delayed")
	}
	for end := time.Now().Add(time.Minute); arrived.Load() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never arrived")
		}
	}
}

// callerVariable makes this test binary a process that makes one call.
const callerVariable = "FRONT_TEST_CALLS"

func TestMain(m *testing.M) {
	if url := os.Getenv(callerVariable); url != "" {
		resp, err := http.Post(url, "text/plain", strings.NewReader("x"))
		if err == nil {
			_, err = io.Copy(os.Stdout, resp.Body)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// callFrom starts a process that calls server.
func callFrom(t *testing.T, server *httptest.Server) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), callerVariable+"="+server.URL, "AWS_LAMBDA_FUNCTION_NAME=Stack-Worker1A")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func killPoints(t *testing.T) {
	t.Helper()
	if !findsCallers {
		t.Skip("kill points need Linux")
	}
}

func TestKillPoints(t *testing.T) {
	killPoints(t)
	var arrived atomic.Int32
	f, server := newFront(t, upstreamCounting(&arrived))
	f.owns = func(pid int) bool { return Descendant(pid, os.Getpid(), "/") || pid != os.Getpid() }
	for _, when := range []string{Before, After} {
		arrived.Store(0)
		putFaults(t, server, Rule{Operation: "*", Fault: FaultKill, When: when})
		cmd := callFrom(t, server)
		err := cmd.Wait()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
			t.Errorf("%s: the caller ended with %v", when, err)
		}
		if n := arrived.Load(); (n == 1) != (when == After) {
			t.Errorf("%s: %d calls arrived", when, n)
		}
		if h := hits(t, server)[0].Hits; len(h) != 1 || h[0].PID != cmd.Process.Pid || h[0].Error != "" {
			t.Errorf("%s: %+v, the caller was %d", when, h, cmd.Process.Pid)
		}
	}
}

func TestCallerThatIsGoneIsStillEnough(t *testing.T) {
	killPoints(t)
	for fault, ends := range map[string]any{FaultKill: http.ErrAbortHandler, FaultStop: nil} {
		var arrived atomic.Int32
		f, server := newFront(t, upstreamCounting(&arrived))
		f.owns = func(int) bool { return true }
		putFaults(t, server, Rule{Operation: "*", Fault: fault, When: After})
		r := httptest.NewRequest("POST", "/", strings.NewReader("x")) // over no connection of this machine
		r.RemoteAddr = "127.0.0.1:1"
		r = r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})))
		func() {
			defer func() {
				if p := recover(); p != ends {
					t.Errorf("%s: ended with %v", fault, p)
				}
			}()
			f.ServeHTTP(httptest.NewRecorder(), r)
		}()
		if h := hits(t, server)[0].Hits; len(h) != 1 || h[0].Error != "" || arrived.Load() != 1 {
			t.Errorf("%s: %+v, %d arrived", fault, h, arrived.Load())
		}
	}
}

func TestRulePicksItsFunction(t *testing.T) {
	killPoints(t)
	var arrived atomic.Int32
	f, server := newFront(t, upstreamCounting(&arrived))
	f.owns = func(pid int) bool { return pid != os.Getpid() }
	for function, struck := range map[string]int{"Worker": 1, "Router": 0} {
		putFaults(t, server, Rule{Operation: "*", Function: function, Fault: FaultError})
		if err := callFrom(t, server).Wait(); err != nil {
			t.Error(err)
		}
		if _, _, err := callDynamo(server, "x"); err != nil { // no function at all
			t.Error(err)
		}
		if r := hits(t, server)[0]; r.Seen != struck || len(r.Hits) != struck {
			t.Errorf("%s: %+v", function, r)
		}
	}
}

func TestStoppedCallerGoesOn(t *testing.T) {
	killPoints(t)
	var arrived atomic.Int32
	f, server := newFront(t, upstreamCounting(&arrived))
	f.owns = func(pid int) bool { return pid != os.Getpid() }
	putFaults(t, server, Rule{Operation: "*", Fault: FaultStop, When: After, DelayMS: 600})
	start := time.Now()
	if err := callFrom(t, server).Wait(); err != nil || time.Since(start) < 600*time.Millisecond {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
}

func TestOnlyFunctionsAreKilled(t *testing.T) {
	killPoints(t)
	var arrived atomic.Int32
	f, server := newFront(t, upstreamCounting(&arrived))
	for _, owns := range []func(int) bool{nil, func(pid int) bool { return Descendant(pid, os.Getpid(), t.TempDir()) }} {
		f.owns = owns
		putFaults(t, server, Rule{Operation: "*", Fault: FaultKill})
		status, answer, err := callDynamo(server, "x") // from this very process
		if status != http.StatusNotImplemented || answer == "" || err != nil {
			t.Errorf("%d %q, %v", status, answer, err)
		}
		if h := hits(t, server)[0].Hits; len(h) != 1 || h[0].Error == "" {
			t.Errorf("%+v", h)
		}
	}
	if n := arrived.Load(); n != 0 {
		t.Errorf("%d calls arrived", n)
	}
}

func TestDescendant(t *testing.T) {
	killPoints(t)
	cmd := exec.Command("/bin/sh", "-c", "sleep 10; exit")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // until it is the shell
		if Descendant(cmd.Process.Pid, os.Getpid(), "/usr") || Descendant(cmd.Process.Pid, os.Getpid(), "/bin") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a child is no descendant")
		}
	}
	for _, no := range []bool{
		Descendant(os.Getpid(), cmd.Process.Pid, ""), Descendant(cmd.Process.Pid, os.Getpid(), t.TempDir()),
		Descendant(cmd.Process.Pid, 1<<30, ""),
	} {
		if no {
			t.Error("a descendant that is none")
		}
	}
}

func TestNthMessageCutsTheClient(t *testing.T) {
	for op, upstreamGets := range map[string]int32{ClientMessage: 2, ServerMessage: 3} {
		var got atomic.Int32
		_, server := newFront(t, socketUpstream(nil, func(ctx context.Context, c *websocket.Conn) {
			for {
				kind, message, err := c.Read(ctx)
				if err != nil {
					return
				}
				got.Add(1)
				if c.Write(ctx, kind, message) != nil {
					return
				}
			}
		}))
		putFaults(t, server, Rule{Operation: op, Contains: []string{"hello"}, Skip: 2, Fault: FaultCut})
		conn := dial(t, server, "", nil)
		var err error
		var n int
		for ; err == nil && n < 10; n++ {
			if err = conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err == nil {
				_, _, err = conn.Read(testContext(t))
			}
		}
		if n != 3 || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
			t.Errorf("%s: message %d: %v", op, n, err)
		}
		if g := got.Load(); g != upstreamGets {
			t.Errorf("%s: upstream got %d", op, g)
		}
	}
}
