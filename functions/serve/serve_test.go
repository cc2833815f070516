package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/serve/authorizer"
	"github.com/pay-theory/streamer/functions/serve/dispatcher"
	"github.com/pay-theory/streamer/functions/serve/outside"
	"github.com/pay-theory/streamer/functions/serve/process"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/progress"
)

type action = streamer.Action[struct{}, struct{}]

// mains are functions whose start goes wrong; each runs in a process of its own.
var mains = map[string]func(){
	"authorizer":    authorizer.Serve,
	"router":        func() { Router() },
	"unbound sync":  func() { Router(action{Name: "resize"}, action{Name: "async", Async: true}) },
	"bad action":    func() { Router(action{Name: "Resize"}) },
	"processor":     func() { Processor() },
	"unbound async": func() { Processor(action{Name: "resize", Async: true}, action{Name: "sync"}) },
	"some bound": func() {
		Processor(action{Name: "resize", Async: true}.Bind(nothing), action{Name: "crop", Async: true})
	},
	"all declared": func() { Router(action{Name: "resize", Async: true}, action{Name: "sync"}.Bind(nothing)) },
	"dispatcher":   dispatcher.Serve,
	"reconciler":   Reconciler,
	"panics": func() {
		process.Start(func(context.Context) error {
			process.Metrics().Add(contract.MetricPosts, metric.Labels{}, 1)
			panic("oh")
		})
	},
}

func nothing(context.Context, *streamer.Request[struct{}], streamer.Reporter[struct{}]) error {
	return nil
}

const envMain = "STREAMER_TEST_MAIN"

func TestMain(m *testing.M) {
	if run, ok := mains[os.Getenv(envMain)]; ok {
		run()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestFunctionsThatCannotWorkDoNotStart(t *testing.T) {
	const images = `STREAMER_WORKERS={"images":{"actions":["crop"],"queue":"q"}}`
	const callback = contract.EnvCallbackEndpoint + "=http://127.0.0.1:1"
	tables := []string{"STREAMER_CONNECTIONS_TABLE=c", "STREAMER_REQUESTS_TABLE=r"}
	for _, c := range []struct {
		main string
		env  []string
		want string
	}{
		{"authorizer", append([]string{`STREAMER_AUTH={"issuer":"i"}`}, tables...), "audience"},
		{"router", nil, contract.EnvRequestsTable},
		{"router", tables[1:], contract.EnvConnectionsTable},
		{"router", tables, contract.EnvCallbackEndpoint},
		{"router", append([]string{callback}, tables...), contract.EnvFilesBucket},
		{"router", append([]string{`STREAMER_LIMITS={"user":{"request":1}}`}, tables...), contract.EnvLimits},
		{"unbound sync", nil, "sync actions without a handler in the router: resize"},
		{"bad action", nil, `action \"Resize\": Name is not`},
		{"processor", []string{`STREAMER_CLOCKS={"lease":0}`}, "lease is 0"},
		{"unbound async", nil, "async actions without a handler in the processor: resize"},
		{"some bound", nil, "async actions without a handler in the processor: crop"},
		{"some bound", []string{images}, "is not set"}, // crop is done elsewhere
		{"some bound", []string{images, "STREAMER_WORKER=images"}, "worker images: action crop has no handler in its processor"},
		{"some bound", []string{`STREAMER_WORKERS={"images":{"actions":["resize"],"queue":"q"}}`, "STREAMER_WORKER=images"}, "is not set"},
		{"some bound", []string{images, "STREAMER_WORKER=image"}, "worker image is not among those of STREAMER_WORKERS"},
		{"some bound", []string{"STREAMER_WORKERS=images"}, "environment variable STREAMER_WORKERS: read workers"},
		{"all declared", []string{images}, "worker images: action crop is not declared in the router"},
		{"all declared", []string{`STREAMER_WORKERS={"images":{"actions":["resize","sync"],"queue":"q"}}`}, "worker images: action sync is sync"},
		{"all declared", []string{`STREAMER_WORKERS={"images":{"actions":["resize"],"queue":"q"}}`}, "is not set"},
		{"dispatcher", nil, contract.EnvWorkQueueURL},
		{"dispatcher", []string{"STREAMER_WORKERS={}{}"}, "STREAMER_WORKERS"},
		{"reconciler", append([]string{callback, "STREAMER_WORKERS=["}, tables...), "STREAMER_WORKERS"},
		{"reconciler", nil, contract.EnvRequestsTable},
		{"reconciler", tables, contract.EnvCallbackEndpoint},
	} {
		t.Run(c.main+" for "+c.want, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append([]string{envMain + "=" + c.main, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=secret"}, c.env...)
			out, err := cmd.CombinedOutput()
			exit, _ := errors.AsType[*exec.ExitError](err)
			if exit == nil || exit.ExitCode() != 1 || !strings.Contains(string(out), c.want) || !strings.Contains(string(out), "function does not start") {
				t.Errorf("err %v, output %s, want it to name %s", err, out, c.want)
			}
		})
	}
}

func TestClocks(t *testing.T) {
	changed := defaultClocks
	changed.Lease, changed.Visibility, changed.Interval = 3*time.Second, 6*time.Second, 50*time.Millisecond
	changed.Pulse, changed.PulseIdle = 200*time.Millisecond, time.Second
	some := defaultClocks
	some.Visibility = 45 * time.Second
	for text, want := range map[string]executor.Clocks{
		"":                     defaultClocks,
		"{}":                   defaultClocks,
		`{"visibility":45000}`: some,
		`{"lease":3000,"visibility":6000,"pulse":200,"pulse_idle":1000,"progress":50}`: changed,
	} {
		if got, err := clocks(text); err != nil || got != want {
			t.Errorf("%s: %+v, err %v", text, got, err)
		}
	}
	if defaultClocks != (executor.Clocks{
		Clocks:     progress.Clocks{Lease: 30 * time.Second, Pulse: 2 * time.Second, PulseIdle: 10 * time.Second, Interval: 250 * time.Millisecond},
		Visibility: time.Minute,
	}) {
		t.Errorf("the defaults are %+v", defaultClocks)
	}
}

func TestBadClocksAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		`lease`:                                  "invalid character",
		`[]`:                                     "array",
		`{"lease":3000} {}`:                      "more than one JSON value",
		`{"leese":3000}`:                         `unknown field "leese"`,
		`{"lease":"3000"}`:                       "lease",
		`{"lease":1.5}`:                          "lease",
		`{"progress":0}`:                         "progress is 0",
		`{"progress":-1}`:                        "progress is -1",
		`{"pulse":0}`:                            "pulse is 0",
		`{"pulse_idle":-5}`:                      "pulse_idle is -5",
		`{"visibility":9223372036854775807}`:     "visibility is 9223372036854775807",
		`{"visibility":43200001}`:                "visibility is 43200001: 1 to 43200000",
		`{"pulse":20000}`:                        "pulse_idle is 10s: at least pulse, which is 20s",
		`{"lease":10000}`:                        "lease is 10s: over pulse_idle, which is 10s",
		`{"visibility":30000}`:                   "visibility is 30s: over lease, which is 30s",
		`{"lease":9223372036855}`:                "lease is 9223372036855",
		`{"pulse_idle":10001,"lease":10001}`:     "lease is 10.001s",
		`{"lease":99999999999999999999999999}`:   "lease",
		`{"lease":40000,"visibility":39999}`:     "visibility is 39.999s",
		`{"progress":250,"pulse":-2,"lease":-1}`: "lease is -1",
	} {
		if _, err := clocks(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), contract.EnvClocks) {
			t.Errorf("%s: err is %v, want %s", text, err, want)
		}
	}
}

func TestIAM(t *testing.T) {
	for text, want := range map[string]*contract.IAM{"": nil, "{}": {}, `{"tenant":"acme"}`: {Tenant: "acme"}} {
		if got, err := iam(text); err != nil || (got == nil) != (want == nil) || (got != nil && *got != *want) {
			t.Errorf("%s: %+v, err %v", text, got, err)
		}
	}
	if got, err := iam("true"); err == nil || !strings.Contains(err.Error(), contract.EnvIAM) {
		t.Errorf("%+v, err %v", got, err)
	}
}

func TestAudited(t *testing.T) {
	for text, want := range map[string]bool{"": false, "1": true} {
		if got, err := audited(text); err != nil || got != want {
			t.Errorf("%q: %t, err %v", text, got, err)
		}
	}
	if got, err := audited("yes"); err == nil || !strings.Contains(err.Error(), contract.EnvAudit) {
		t.Errorf("%t, err %v", got, err)
	}
}

// runtime is Lambda's runtime API: it hands one event to a function and takes the answer.
type runtime struct {
	event   string
	answers chan string // path and body
	next    chan bool   // the function came back for another event
	asked   bool
}

func (r *runtime) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := strings.TrimPrefix(req.URL.Path, "/2018-06-01/runtime/")
	switch {
	case at == "invocation/next" && !r.asked:
		r.asked = true
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "invocation1")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:f")
		w.Header().Set("Lambda-Runtime-Trace-Id", "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab")
		io.WriteString(w, r.event)
	case at == "invocation/next":
		r.next <- true
		<-req.Context().Done()
	default:
		body, err := io.ReadAll(req.Body)
		w.WriteHeader(http.StatusAccepted)
		r.answers <- fmt.Sprint(at, " ", string(body), err)
	}
}

// TestAFunctionAsLambdaRunsIt starts whole processes.
func TestAFunctionAsLambdaRunsIt(t *testing.T) {
	for main, c := range map[string]struct{ event, answer, metric string }{
		"dispatcher": {`{"Records":[{"eventID":"e","dynamodb":{"Keys":{"pk":{"S":"x"}}}}]}`, "invocation/invocation1/response null", `"UndecodableHints":1`},
		"panics":     {`{}`, `invocation/invocation1/error {"errorMessage":"oh"`, `"FramesPosted":1`},
	} {
		t.Run(main, func(t *testing.T) {
			r := &runtime{event: c.event, answers: make(chan string, 2), next: make(chan bool, 1)}
			server := httptest.NewServer(r)
			defer server.Close()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = []string{
				envMain + "=" + main, "AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(server.URL, "http://"), "AWS_REGION=us-east-1",
				"AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=secret",
				"STREAMER_REQUESTS_TABLE=r", "STREAMER_WORK_QUEUE_URL=http://127.0.0.1:1/1/q",
			}
			var out bytes.Buffer
			cmd.Stdout = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case <-r.next:
				stop()
				<-ended
			case <-ended: // a function that panicked ends its process
			}
			if answer := <-r.answers; !strings.HasPrefix(answer, c.answer) {
				t.Errorf("answered %s", answer)
			}
			if lines := strings.Count(out.String(), "\n"); lines != 1 || !strings.Contains(out.String(), c.metric) || !json.Valid(out.Bytes()) {
				t.Errorf("metrics are %s", &out)
			}
		})
	}
}

// Two clients of a service would each make connections of their own.
func TestClientsAreMadeOnce(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for _, name := range []string{contract.EnvRequestsTable, contract.EnvConnectionsTable, contract.EnvFilesBucket, contract.EnvWorkQueueURL} {
		t.Setenv(name, "x")
	}
	if requests().Client != connections().Client || bucket().Client != bucket().Client || outside.WorkQueue().Client != outside.WorkQueue().Client {
		t.Error("clients of the same service differ")
	}
}
