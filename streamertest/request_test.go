package streamertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/streamertest"
)

type in struct {
	Words []string `json:"words"`
}

func (i in) Validate() error {
	if len(i.Words) == 0 {
		return streamer.Invalid("words", "give at least one")
	}
	return nil
}

type out struct {
	streamer.File
	Words int `json:"words"`
}

var join = streamer.Action[in, out]{Name: "join", Async: true}

func joinWords(ctx context.Context, req *streamer.Request[in], r streamer.Reporter[out]) error {
	r.Step(10, "Joining")
	file, err := req.Files.Put(ctx, "words.txt", "text/plain", strings.NewReader(strings.Join(req.Payload.Words, " ")))
	if err != nil {
		return err
	}
	r.Report(90, "Joined for "+req.User+" of "+req.Tenant)
	return r.Complete(out{file, len(req.Payload.Words)})
}

func ExampleRequest() {
	r := streamertest.Request[in, out]{Action: join, Handler: joinWords, Payload: in{[]string{"a", "b"}}}
	if err := r.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(r.Reports)
	fmt.Printf("%q %d\n", r.Files["words.txt"], r.Result.Words)

	// Output:
	// [{10 Joining true} {90 Joined for ann of acme false}]
	// "a b" 2
}

func TestPayloadIsChecked(t *testing.T) {
	r := streamertest.Request[in, out]{Action: join, Handler: joinWords}
	err := r.Run(t.Context())
	if refused, ok := streamer.AsError(err); !ok || refused.Code != protocol.InvalidPayload || len(r.Reports) > 0 || r.Completed {
		t.Errorf("%v, %+v", err, r.Reports)
	}
}

func TestRunsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := streamertest.Request[handlers.CountIn, handlers.CountOut]{
			Action: handlers.Count, Handler: handlers.CountHandler, Payload: handlers.CountIn{To: 4}, ContinueAt: 3,
		}
		if err := r.Run(t.Context()); !errors.Is(err, streamer.ErrContinue) || r.Completed || r.Attempt != 1 || string(r.Saved) == "" {
			t.Fatalf("%v, attempt %d, saved %s", err, r.Attempt, r.Saved)
		}
		began := r.Effects["begin"]
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(streamer.ErrCancelled)
		r.ContinueAt = 0
		if err := r.Run(ctx); !errors.Is(err, streamer.ErrCancelled) || r.Attempt != 1 {
			t.Fatalf("%v, attempt %d", err, r.Attempt)
		}
		if err := r.Run(t.Context()); err != nil || r.Attempt != 2 || !r.Completed || r.Result.Count != 4 || r.Result.Runs != 3 || string(r.Effects["begin"]) != string(began) {
			t.Errorf("%v, attempt %d, %+v, began %s and %s", err, r.Attempt, r.Result, began, r.Effects["begin"])
		}
		if err := r.Run(t.Context()); err == nil {
			t.Error("what has completed runs again")
		}
	})
}

func TestHandOver(t *testing.T) {
	r := streamertest.Request[handlers.HandOverIn, json.RawMessage]{Action: handlers.HandOver, Handler: handlers.HandOverHandler}
	if err := r.Run(t.Context()); err != nil || !r.HandedOver || r.Completed || !slices.Equal(slices.Collect(maps.Keys(r.Files)), []string{handlers.TicketFile}) {
		t.Errorf("%v, handed over %t, completed %t, %v", err, r.HandedOver, r.Completed, r.Files)
	}
}

func TestEndsOnce(t *testing.T) {
	var second error
	twice := streamertest.Request[in, out]{Action: join, Payload: in{[]string{"a"}}, Handler: func(_ context.Context, _ *streamer.Request[in], r streamer.Reporter[out]) error {
		err := r.Complete(out{Words: 1})
		second = r.Complete(out{Words: 2})
		return err
	}}
	if err := twice.Run(t.Context()); err != nil || second == nil || twice.Result.Words != 1 {
		t.Errorf("%v, %v, %+v", err, second, twice.Result)
	}
	silent := streamertest.Request[in, out]{Action: join, Payload: in{[]string{"a"}}, Handler: func(context.Context, *streamer.Request[in], streamer.Reporter[out]) error { return nil }}
	if err := silent.Run(t.Context()); err != nil || !silent.Completed || !reflect.DeepEqual(silent.Result, out{}) {
		t.Errorf("%v, %+v", err, silent.Result)
	}
}

func TestReporterMayBeUsedConcurrently(t *testing.T) {
	r := streamertest.Request[in, out]{Action: join, Payload: in{[]string{"a"}}, ID: "R", Tenant: "T", User: "U", Handler: func(ctx context.Context, req *streamer.Request[in], r streamer.Reporter[out]) error {
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				r.Report(1, req.ID+req.Tenant+req.User)
				if _, err := streamer.Once(ctx, "effect", func(context.Context) (int, error) { return 1, nil }); err != nil {
					t.Error(err)
				}
				if _, err := req.Files.Put(ctx, "f", "text/plain", strings.NewReader("x")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		return nil
	}}
	if err := r.Run(t.Context()); err != nil || len(r.Reports) != 100 || r.Reports[99].Message != "RTU" {
		t.Errorf("%v, %d reports", err, len(r.Reports))
	}
}
