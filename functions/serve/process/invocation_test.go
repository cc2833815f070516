package process

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"go.uber.org/goleak"
)

// TestMain fails if the tests leave anything running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// flushes counts them.
type flushes struct {
	n   int
	err error
}

func (f *flushes) Flush() error {
	f.n++
	return f.err
}

func TestWhatWasMeasuredIsWrittenAtTheEndOfEachInvocation(t *testing.T) {
	var log strings.Builder
	measured := &flushes{}
	invoke := func(handler any) (out []byte, err error, panicked any) {
		defer func() { panicked = recover() }()
		out, err = invocation{lambda.NewHandler(handler), measured, slog.New(slog.NewJSONHandler(&log, nil)), nil}.Invoke(t.Context(), []byte(`{"n":1}`))
		return out, err, nil
	}
	type event struct{ N int }
	if out, err, _ := invoke(func(_ context.Context, e event) (event, error) { e.N++; return e, nil }); err != nil || string(out) != `{"N":2}` || measured.n != 1 {
		t.Errorf("answered %s, err %v, flushed %d times", out, err, measured.n)
	}
	if _, err, _ := invoke(func(context.Context, event) error { return io.ErrUnexpectedEOF }); !errors.Is(err, io.ErrUnexpectedEOF) || measured.n != 2 {
		t.Errorf("err %v, flushed %d times", err, measured.n)
	}
	if _, err, _ := invoke(func(context.Context, []string) error { return nil }); err == nil || measured.n != 3 {
		t.Errorf("an event of another type: err %v, flushed %d times", err, measured.n)
	}
	if _, _, panicked := invoke(func(context.Context) error { panic("oh") }); panicked != "oh" || measured.n != 4 {
		t.Errorf("panic %v, flushed %d times", panicked, measured.n)
	}
	measured.err = errors.New("pipe is closed")
	if _, err, _ := invoke(func(context.Context) error { return nil }); err != nil {
		t.Errorf("metrics failed the invocation: %v", err)
	}
	var line struct{ Msg, Error string }
	if err := json.Unmarshal([]byte(log.String()), &line); err != nil || line.Msg != "metrics not written" || line.Error != "pipe is closed" {
		t.Errorf("log is %s", &log)
	}
}
