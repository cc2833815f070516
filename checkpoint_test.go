package streamer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
)

// memory keeps what a handler saves, as the engine does.
type memory struct {
	state   json.RawMessage
	effects map[string]json.RawMessage
	full    bool
	err     error
}

func (m *memory) Save(_ context.Context, state json.RawMessage) error {
	if m.err != nil {
		return m.err
	}
	m.state = state
	if m.full {
		return streamer.ErrContinue
	}
	return nil
}

func (m *memory) Saved(context.Context) (json.RawMessage, error) { return m.state, m.err }

func (m *memory) Keep(_ context.Context, effect string, result json.RawMessage) (json.RawMessage, error) {
	if _, known := m.effects[effect]; !known {
		m.effects[effect] = result
	}
	return m.effects[effect], m.err
}

func (m *memory) Kept(_ context.Context, effect string) (json.RawMessage, bool, error) {
	result, known := m.effects[effect]
	return result, known, m.err
}

func (m *memory) HandOver(silence time.Duration) (string, error) {
	return "ticket-" + silence.String(), m.err
}

func remember(t *testing.T) (context.Context, *memory) {
	m := &memory{effects: map[string]json.RawMessage{}}
	return streamer.WithKeeper(t.Context(), m), m
}

type place struct {
	At   int64  `json:"at"`
	Name string `json:"name,omitempty"`
}

func TestCheckpointAndRestore(t *testing.T) {
	ctx, m := remember(t)
	if state, found, err := streamer.Restore[place](ctx); found || err != nil || state != (place{}) {
		t.Errorf("nothing was saved: %+v, %v, %v", state, found, err)
	}
	want := place{At: 9007199254740993, Name: "<&>"}
	if err := streamer.Checkpoint(ctx, want); err != nil || string(m.state) != `{"at":9007199254740993,"name":"<&>"}` {
		t.Errorf("saved %s, err %v", m.state, err)
	}
	if state, found, err := streamer.Restore[place](ctx); !found || err != nil || state != want {
		t.Errorf("got %+v, %v, %v", state, found, err)
	}
	if err := streamer.Checkpoint(ctx, nil); err != nil {
		t.Error(err)
	}
	if state, found, err := streamer.Restore[place](ctx); !found || err != nil || state != (place{}) {
		t.Errorf("null was saved: %+v, %v, %v", state, found, err)
	}
	m.full = true
	if err := streamer.Checkpoint(ctx, want); !errors.Is(err, streamer.ErrContinue) {
		t.Errorf("err is %v", err)
	}
	if _, _, err := streamer.Restore[int](ctx); err == nil || !strings.Contains(err.Error(), "restore: json: cannot unmarshal object") {
		t.Errorf("another type: %v", err)
	}
	if err := streamer.Checkpoint(ctx, func() {}); err == nil || !strings.Contains(err.Error(), "checkpoint: state is not JSON") {
		t.Errorf("no JSON: %v", err)
	}
	m.err = errors.ErrUnsupported
	if _, _, err := streamer.Restore[place](ctx); !errors.Is(err, m.err) {
		t.Errorf("err is %v", err)
	}
	if err := streamer.Checkpoint(ctx, 1); !errors.Is(err, m.err) {
		t.Errorf("err is %v", err)
	}
}

func TestOnceRunsOnce(t *testing.T) {
	ctx, m := remember(t)
	ran := 0
	run := func(name string) (place, error) {
		return streamer.Once(ctx, name, func(got context.Context) (place, error) {
			if got != ctx {
				t.Error("another context")
			}
			ran++
			return place{At: int64(ran)}, nil
		})
	}
	for range 2 {
		for n, name := range []string{"a", "b"} {
			if got, err := run(name); err != nil || got.At != int64(n+1) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
	}
	if want := map[string]json.RawMessage{"a": json.RawMessage(`{"at":1}`), "b": json.RawMessage(`{"at":2}`)}; ran != 2 || !reflect.DeepEqual(m.effects, want) {
		t.Errorf("ran %d times, kept %s", ran, m.effects)
	}
	for _, name := range []string{"", strings.Repeat("x", streamer.MaxOnceName+1)} {
		if _, err := run(name); err == nil || ran != 2 {
			t.Errorf("name of %d bytes: %v", len(name), err)
		}
	}
	boom := errors.New("boom")
	if _, err := streamer.Once(ctx, "c", func(context.Context) (int, error) { return 1, boom }); err != boom || m.effects["c"] != nil {
		t.Errorf("err %v, kept %s", err, m.effects["c"])
	}
	for what, size := range map[string]int{"": streamer.MaxOnceResult - 2, "at most 262144": streamer.MaxOnceResult - 1} {
		_, err := streamer.Once(ctx, fmt.Sprint(size), func(context.Context) (string, error) { return strings.Repeat("x", size), nil })
		if (err == nil) != (what == "") || err != nil && !strings.Contains(err.Error(), what) || (m.effects[fmt.Sprint(size)] != nil) != (what == "") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if _, err := streamer.Once(ctx, "d", func(context.Context) (any, error) { return func() {}, nil }); err == nil || !strings.Contains(err.Error(), "not JSON") {
		t.Errorf("no JSON: %v", err)
	}
	if _, err := streamer.Once(ctx, "a", func(context.Context) (int, error) { return 1, nil }); err == nil || !strings.Contains(err.Error(), `once "a": json`) {
		t.Errorf("another type: %v", err)
	}
	m.err = errors.ErrUnsupported
	if _, err := run("e"); !errors.Is(err, m.err) || ran != 2 {
		t.Errorf("err %v, ran %d times", err, ran)
	}
}

func TestAnotherContextIsAnError(t *testing.T) {
	const want = "the context is not the one that an async action's handler was given"
	_, _, restored := streamer.Restore[int](t.Context())
	_, once := streamer.Once(t.Context(), "a", func(context.Context) (int, error) {
		t.Error("it ran")
		return 0, nil
	})
	for name, err := range map[string]error{"checkpoint": streamer.Checkpoint(t.Context(), 1), "restore": restored, "once": once} {
		if err == nil || !strings.HasPrefix(err.Error(), name+": "+want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEffectKey(t *testing.T) {
	at := func(attempt int, accepted time.Time) string {
		req := &streamer.Request[int]{ID: "01JGH00000000000000000000A", Attempt: attempt, CreatedAt: accepted}
		return req.EffectKey("charge")
	}
	accepted := time.UnixMilli(1_768_857_206_123)
	key := at(1, accepted)
	if key != "01JGH00000000000000000000A.mklnwrcb.charge" || at(2, accepted.UTC()) != key {
		t.Errorf("got %s, and %s in another attempt", key, at(2, accepted.UTC()))
	}
	if again := at(1, accepted.Add(8*24*time.Hour)); again == key {
		t.Errorf("the idempotency key came again, and its charge is %s as well", again)
	}
}

// A handler that has an effect for each of many batches, for longer than any function
// runs. Here its process dies in the middle, and the next attempt goes on.
func ExampleCheckpoint() {
	batches := []string{"first", "second", "third"}
	dies := true
	handle := func(ctx context.Context) error {
		at, _, err := streamer.Restore[int](ctx)
		if err != nil {
			return err
		}
		for ; at < len(batches); at++ {
			if err := streamer.Checkpoint(ctx, at); err != nil {
				return err // ErrContinue, when the function's time is nearly used up
			}
			receipt, err := streamer.Once(ctx, "send "+batches[at], func(context.Context) (string, error) {
				fmt.Println("sending the", batches[at])
				return "receipt of the " + batches[at], nil
			})
			if err != nil {
				return err
			}
			if dies && at == 1 {
				return errors.New("the process died")
			}
			fmt.Println(receipt)
		}
		return nil
	}

	ctx := streamer.WithKeeper(context.Background(), &memory{effects: map[string]json.RawMessage{}}) // the engine does that
	fmt.Println(handle(ctx))
	dies = false
	fmt.Println(handle(ctx))

	// Output:
	// sending the first
	// receipt of the first
	// sending the second
	// the process died
	// receipt of the second
	// sending the third
	// receipt of the third
	// <nil>
}
