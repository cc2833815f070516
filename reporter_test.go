package streamer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/pay-theory/streamer"
)

// recorder is a sink that keeps what it is given.
type recorder struct {
	said   []string
	result string
	file   *streamer.File
	err    error
}

func (r *recorder) Report(percentage float64, message string) {
	r.said = append(r.said, fmt.Sprintf("report %g %s", percentage, message))
}

func (r *recorder) Step(percentage float64, message string) {
	r.said = append(r.said, fmt.Sprintf("step %g %s", percentage, message))
}

func (r *recorder) Complete(result json.RawMessage, file *streamer.File) error {
	r.result, r.file = string(result), file
	return r.err
}

// complete gives result to a reporter of its type and returns what the sink got.
func complete[Out any](t *testing.T, result Out) (*recorder, error) {
	t.Helper()
	sink := &recorder{}
	a := streamer.Action[json.RawMessage, Out]{Name: "a"}
	err := a.Bind(func(_ context.Context, _ *streamer.Request[json.RawMessage], r streamer.Reporter[Out]) error {
		return r.Complete(result)
	}).Handle(t.Context(), &streamer.Request[json.RawMessage]{}, sink)
	return sink, err
}

type document struct {
	streamer.File
	Pages int `json:"pages"`
}

func TestCompleteHandsOnAFile(t *testing.T) {
	file := streamer.File{Key: "acme/r/report.pdf", Size: 7, URL: "u", ExpiresAt: 9}
	want := `{"url":"u","expires_at":9,"size":7,"pages":2}`
	byValue, err := complete(t, document{File: file, Pages: 2})
	if err != nil || byValue.file == nil || *byValue.file != file || byValue.result != want {
		t.Errorf("got %s and %+v, err %v", byValue.result, byValue.file, err)
	}
	byPointer, err := complete(t, &document{File: file, Pages: 2})
	if err != nil || byPointer.file == nil || *byPointer.file != file || byPointer.result != want {
		t.Errorf("by pointer: got %s and %+v, err %v", byPointer.result, byPointer.file, err)
	}
	alone, err := complete(t, file)
	if err != nil || alone.file == nil || *alone.file != file {
		t.Errorf("alone: got %s and %+v, err %v", alone.result, alone.file, err)
	}
}

func TestCompleteWithoutAFile(t *testing.T) {
	for name, got := range map[string]func() (*recorder, error){
		`{"n":1}`: func() (*recorder, error) { return complete(t, map[string]int{"n": 1}) },
		`{"url":"","expires_at":0,"size":0,"pages":0}`: func() (*recorder, error) { return complete(t, document{}) },
		`null`:                    func() (*recorder, error) { return complete[*document](t, nil) },
		`"<&>"`:                   func() (*recorder, error) { return complete(t, "<&>") },
		`[1.10,9007199254740993]`: func() (*recorder, error) { return complete(t, json.RawMessage("[1.10, 9007199254740993]")) },
	} {
		if sink, err := got(); err != nil || sink.result != name || sink.file != nil {
			t.Errorf("got %s and %+v, err %v, want %s", sink.result, sink.file, err, name)
		}
	}
	if sink, err := complete(t, func() {}); err == nil || sink.result != "" {
		t.Errorf("a func completed as %s", sink.result)
	}
}

func TestReporterPassesOn(t *testing.T) {
	refusal := errors.New("lost")
	sink := &recorder{err: refusal}
	err := action{Name: "a", Async: true}.Bind(func(_ context.Context, _ *streamer.Request[struct{}], r streamer.Reporter[struct{}]) error {
		r.Report(12.5, "some")
		r.Step(50, "half")
		return r.Complete(struct{}{})
	}).Handle(t.Context(), &streamer.Request[json.RawMessage]{}, sink)
	if err != refusal || sink.result != "{}" || !reflect.DeepEqual(sink.said, []string{"report 12.5 some", "step 50 half"}) {
		t.Errorf("err %v, result %s, said %q", err, sink.result, sink.said)
	}
}
