package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/identity"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/processes"
)

// starts is how often each function is started.
const starts = 21

// start compares what is deployed, each function with its bare one: package, binary, how long
// a process takes until it asks Lambda for its first event, and how long the router, for which a
// client waits, takes to answer it.
func start(ctx context.Context, s *stage) (string, error) {
	var first string
	t := newTable("function", "zip, MB", "bare", "ratio", "binary, MB", "bare", "ratio", "init, ms", "bare", "ratio", "memory, MB", "bare", "ratio")
	err := s.startInTurn(ctx, func(name, dir string, ours *program) (*program, error) {
		bare, err := s.download(ctx, "Bare"+name, dir)
		if err == nil && name == "Router" {
			ours.event, ours.answer = said(`{"action":"streamer.get","request_id":"01JZZZZZZZZZZZZZZZZZZZZZZZ"}`), string(protocol.NotFound)
			bare.event, bare.answer = said("look"), "look"
			bare.environment = append(bare.environment, contract.EnvRequestsTable+"="+s.requests)
			ours.environment = append(ours.environment, contract.EnvLimits+`={"user":{"connections":20,"requests":100,"submits_per_second":10}}`)
		}
		return bare, err
	}, func(name string, ours, bare *program) {
		if a, b := ours.firsts.at(0.5), bare.firsts.at(0.5); b > 0 {
			first = fmt.Sprintf("\nThe first answer of a router, to `streamer.get`, takes %s ms from the event on, %s ms where nothing but the same read of the\n"+
				"table is done, a ratio of %s: both make their first connection for it.\n", ms(a), ms(b), ratio(a, b))
		}
		a, b := ours.inits.at(0.5), bare.inits.at(0.5)
		t.row(name, mb(ours.zip), mb(bare.zip), ratio(ours.zip, bare.zip), mb(ours.binary), mb(bare.binary), ratio(ours.binary, bare.binary),
			ms(a), ms(b), ratio(a, b), mb(ours.resident), mb(bare.resident), ratio(ours.resident, bare.resident))
	})
	if err != nil {
		return "", err
	}
	return t.String() + fmt.Sprintf("\nAs deployed to the stage, for this machine; the median of %d starts each, in turn, from the start of the\n"+
		"process to its first call for an event. Memory is what is resident then. All that can be on is: traces, the audit log, limits.\n"+
		"Aim: ratios of 1.3, zip 7 MB.\n", starts) + first, nil
}

// said is the event of a message of somebody's.
func said(body string) []byte {
	return mustJSON(events.APIGatewayWebsocketProxyRequest{
		Body: body,
		RequestContext: events.APIGatewayWebsocketProxyRequestContext{
			EventType: "MESSAGE", ConnectionID: "c", RequestID: "r",
			Authorizer: identity.Identity{Tenant: "bench", User: "ann", Expires: time.Now().Add(time.Hour)}.Context(),
		},
	})
}

// startInTurn starts each function, and what it is compared with, in turn, and has every pair
// written down. A function that is compared with nothing is left out.
func (s *stage) startInTurn(ctx context.Context, with func(name, dir string, ours *program) (*program, error), write func(name string, ours, other *program)) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, name := range names {
		ours, err := s.download(ctx, "Streamer"+name, dir)
		if err != nil {
			return err
		}
		other, err := with(name, dir, ours)
		if err != nil {
			return err
		}
		if other == nil {
			continue
		}
		for range starts {
			for _, p := range []*program{ours, other} {
				if err := p.start(ctx); err != nil {
					return fmt.Errorf("start %s: %w", p.file, err)
				}
			}
		}
		write(name, ours, other)
	}
	return nil
}

// program is the deployed code of a function.
type program struct {
	file        string
	zip, binary int64 // bytes
	environment []string
	event       []byte // that it is given; nil: none
	answer      string // what must be in its answer

	inits    times
	firsts   times // from the event to its answer
	resident int64 // bytes, the last time
}

func (s *stage) download(ctx context.Context, function, dir string) (*program, error) {
	name := s.functions[function]
	got, err := lambda.NewFromConfig(s.Config).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	if err != nil {
		return nil, fmt.Errorf("find the code of %s: %w", function, err)
	}
	packed, err := fetch(ctx, *got.Code.Location)
	if err != nil {
		return nil, fmt.Errorf("download the code of %s: %w", function, err)
	}
	files, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil, fmt.Errorf("read the code of %s: %w", function, err)
	}
	file, err := files.Open("bootstrap")
	if err != nil {
		return nil, fmt.Errorf("read the code of %s: %w", function, err)
	}
	defer file.Close()
	binary, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("read the code of %s: %w", function, err)
	}
	p := &program{file: filepath.Join(dir, function), zip: int64(len(packed)), binary: int64(len(binary))}
	p.environment = []string{
		"AWS_REGION=" + s.Region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL=" + s.endpoint,
		"AWS_LAMBDA_FUNCTION_NAME=" + name, "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "PATH=" + os.Getenv("PATH"),
	}
	if e := got.Configuration.Environment; e != nil {
		for key, value := range e.Variables {
			p.environment = append(p.environment, key+"="+value)
		}
	}
	return p, os.WriteFile(p.file, binary, 0o755)
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// host is Lambda's, as far as the first event goes. Each process has one of its own: what one
// that was ended had asked for last could else be taken for the first thing that the next asks.
type host struct {
	server   *http.Server
	at       string
	asked    chan time.Time
	event    chan []byte
	answered chan answer
}

type answer struct {
	at   time.Time
	body string
}

func newHost() (*host, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &host{at: l.Addr().String(), asked: make(chan time.Time), event: make(chan []byte), answered: make(chan answer, 1)}
	h.server = &http.Server{Handler: h}
	go h.server.Serve(l)
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *host) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	now := time.Now()
	if !strings.HasSuffix(req.URL.Path, "/next") {
		body, err := io.ReadAll(req.Body)
		h.answered <- answer{now, fmt.Sprint(string(body), err)}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	select {
	case h.asked <- now:
	case <-req.Context().Done(): // it asks for another one, and is ended
		return
	}
	select {
	case event := <-h.event:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(now.Add(patience).UnixMilli()))
		_, _ = w.Write(event) // if it is not taken, no answer comes
	case <-req.Context().Done():
	}
}

func (h *host) close() { _ = h.server.Close() }

// start runs p until it asks for an event, or has answered the one that it is given.
func (p *program) start(ctx context.Context) error {
	h, err := newHost()
	if err != nil {
		return err
	}
	defer h.close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.file)
	cmd.Env = append(p.environment, "AWS_LAMBDA_RUNTIME_API="+h.at)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case at := <-h.asked:
		p.inits = append(p.inits, at.Sub(began))
		p.resident = processes.Resident(cmd.Process.Pid)
	case err := <-ended:
		return fmt.Errorf("%w: %s", err, &output)
	}
	if p.event != nil {
		given := time.Now()
		select {
		case h.event <- p.event:
		case err := <-ended:
			return fmt.Errorf("%w: %s", err, &output)
		}
		select {
		case a := <-h.answered:
			if !strings.Contains(a.body, p.answer) {
				return fmt.Errorf("answered %s, want %s: %s", a.body, p.answer, &output)
			}
			p.firsts = append(p.firsts, a.at.Sub(given))
		case err := <-ended:
			return fmt.Errorf("%w: %s", err, &output)
		}
	}
	cancel()
	<-ended
	return nil
}
