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
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/pay-theory/streamer/scripts/stage/processes"
)

// starts is how often each function is started.
const starts = 21

// start compares what is deployed, each function with its bare one: package, binary, and how
// long a process takes until it asks Lambda for its first event.
func start(ctx context.Context, s *stage) (string, error) {
	t := newTable("function", "zip, MB", "bare", "ratio", "binary, MB", "bare", "ratio", "init, ms", "bare", "ratio", "memory, MB", "bare", "ratio")
	err := s.startInTurn(ctx, func(name, dir string, _ *program) (*program, error) {
		return s.download(ctx, "Bare"+name, dir)
	}, func(name string, ours, bare *program) {
		a, b := ours.inits.at(0.5), bare.inits.at(0.5)
		t.row(name, mb(ours.zip), mb(bare.zip), ratio(ours.zip, bare.zip), mb(ours.binary), mb(bare.binary), ratio(ours.binary, bare.binary),
			ms(a), ms(b), ratio(a, b), mb(ours.resident), mb(bare.resident), ratio(ours.resident, bare.resident))
	})
	if err != nil {
		return "", err
	}
	return t.String() + fmt.Sprintf("\nAs deployed to the stage, for this machine; the median of %d starts each, in turn, from the start of the\n"+
		"process to its first call for an event. Memory is what is resident then. Aim: ratios of 1.3, zip 7 MB.\n", starts), nil
}

// startInTurn starts each function, and what it is compared with, in turn, and has every pair
// written down. A function that is compared with nothing is left out.
func (s *stage) startInTurn(ctx context.Context, with func(name, dir string, ours *program) (*program, error), write func(name string, ours, other *program)) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	host, err := newHost()
	if err != nil {
		return err
	}
	defer host.close()
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
				if err := host.start(ctx, p); err != nil {
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

	inits    times
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

// host is Lambda's, as far as its first call goes.
type host struct {
	server *http.Server
	at     string
	asked  chan time.Time
}

func newHost() (*host, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &host{at: l.Addr().String(), asked: make(chan time.Time, 1)}
	h.server = &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		h.asked <- time.Now()
		<-req.Context().Done() // there is no event
	})}
	go h.server.Serve(l)
	return h, nil
}

func (h *host) close() { _ = h.server.Close() }

// start runs p until it asks for an event.
func (h *host) start(ctx context.Context, p *program) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.file)
	cmd.Env = append(p.environment, "AWS_LAMBDA_RUNTIME_API="+h.at)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
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
		cancel()
		<-ended
		return nil
	case err := <-ended:
		return fmt.Errorf("%w: %s", err, &said)
	}
}
