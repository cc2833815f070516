package streamer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	// MaxContinuations is how often a request may go on in a fresh invocation: more than
	// the longest deadline, 13 days, has room for if each run uses half of MaxTimeout. The
	// one after it fails the request for good, CONTINUATIONS_EXHAUSTED.
	MaxContinuations = 3_000
	// MaxOnceName and MaxOnceResult bound the name and the result of Once, in bytes, the
	// result as JSON.
	MaxOnceName   = 128
	MaxOnceResult = 256 * 1024
)

// ErrContinue is what Checkpoint returns when the function's time is nearly used up. A
// handler must then return it, as it is or wrapped: the request goes on in a fresh
// invocation, in the same attempt, from the state that was just saved.
var ErrContinue = errors.New("the request goes on in a fresh invocation")

var errNoKeeper = errors.New("the context is not the one that an async action's handler was given, nor made from it")

// Checkpoint saves state, as JSON, for whoever goes on with the request: the next run of
// this attempt, or the next attempt if this one fails or its process dies. When it
// returns nil the state is saved, and the handler works on:
//
//	at, _, err := streamer.Restore[int](ctx)
//	if err != nil {
//		return err
//	}
//	for ; at < len(rows); at++ {
//		if err := streamer.Checkpoint(ctx, at); err != nil {
//			return err
//		}
//		...
//	}
//	return r.Complete(...)
//
// When the time of this run is nearly used up (its action's Timeout, or its function's
// own time but for what recording takes) the state is saved and the error is
// ErrContinue, for the handler to return. Nearly means that a step as long as the longest
// so far between two calls might not fit any more, so a handler that calls it every few
// minutes or more often is never cut off, and work may take as long as the request's
// deadline allows, in MaxContinuations more functions. The wait in between is that of the
// queue, a second or so when it is short, and costs nothing. Percentages go on from where
// they were.
//
// Any other error says that the state was not saved, because the request was lost to
// another worker, has ended, or a table did not answer: return it too.
//
// Each call writes: into the request's row while the state is small, beside it up to 24
// KB, and above that into the files bucket. Call it as often as you would not like to do
// the work again, and not for each of a million rows. What was done after the last call
// is done again after a crash: see Once.
func Checkpoint(ctx context.Context, state any) error {
	k, err := keeperOf(ctx)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	doc, err := encode(state)
	if err != nil {
		return fmt.Errorf("checkpoint: state is not JSON: %w", err)
	}
	return k.Save(ctx, doc)
}

// Restore returns the state that Checkpoint saved last, in this attempt or an earlier
// one. found is false, and state zero, if there is none.
func Restore[T any](ctx context.Context) (state T, found bool, err error) {
	k, err := keeperOf(ctx)
	if err != nil {
		return state, false, fmt.Errorf("restore: %w", err)
	}
	doc, err := k.Saved(ctx)
	if err != nil || doc == nil {
		return state, false, err
	}
	if err := json.Unmarshal(doc, &state); err != nil {
		return state, false, fmt.Errorf("restore: %w", err)
	}
	return state, true, nil
}

// Once runs fn and keeps its result under the request's id and name; later calls with
// that name, in this attempt or a later one, return the result and do not run fn. An
// error of fn is returned and not kept.
//
//	charge, err := streamer.Once(ctx, "charge", func(ctx context.Context) (Charge, error) {
//		return payments.Charge(ctx, amount, req.EffectKey("charge"))
//	})
//
// It does not promise that fn runs once. If the process dies after fn's effect and before
// its result is kept, fn runs again; so it does if it returns an error although its
// effect happened, and so do two that run at the same time, as a worker that lost the
// request without knowing it and the one that has it now. Whichever result is kept first
// counts, and both get it. Where an effect must not happen twice, give the other system a
// key that it knows again, EffectKey. A result over MaxOnceResult is an error, and fn's
// effect has happened then: return an id, not a document.
func Once[T any](ctx context.Context, name string, fn func(ctx context.Context) (T, error)) (T, error) {
	var result T
	k, err := keeperOf(ctx)
	if err != nil {
		return result, fmt.Errorf("once: %w", err)
	}
	if name == "" || len(name) > MaxOnceName {
		return result, fmt.Errorf("once: name %.200q has %d bytes: 1 to %d", name, len(name), MaxOnceName)
	}
	doc, known, err := k.Kept(ctx, name)
	if err != nil {
		return result, fmt.Errorf("once %q: %w", name, err)
	}
	if !known {
		made, err := fn(ctx)
		if err != nil {
			return made, err
		}
		if doc, err = encode(made); err != nil {
			return result, fmt.Errorf("once %q: result is not JSON: %w", name, err)
		}
		if len(doc) > MaxOnceResult {
			return result, fmt.Errorf("once %q: result has %d bytes of JSON: at most %d", name, len(doc), MaxOnceResult)
		}
		if doc, err = k.Keep(ctx, name, doc); err != nil {
			return result, fmt.Errorf("once %q: %w", name, err)
		}
	}
	if err := json.Unmarshal(doc, &result); err != nil {
		return result, fmt.Errorf("once %q: %w", name, err)
	}
	return result, nil
}

// EffectKey names one effect of the request towards another system, as an idempotency
// key: the same in all attempts and runs, and no other request's, also where an idempotency
// key that comes again after a week makes another request of the same id. It has 36 bytes or
// more, and the name.
func (r *Request[In]) EffectKey(name string) string {
	return r.ID + "." + strconv.FormatInt(r.CreatedAt.UnixMilli(), 36) + "." + name
}

// Keeper is what the engine gives Checkpoint, Restore, Once and HandOver to work with, in
// the handler's context. Handlers never see it.
type Keeper interface {
	// Save keeps a state in place of the one before. It returns ErrContinue once it is
	// kept and the handler must return.
	Save(ctx context.Context, state json.RawMessage) error
	// Saved is the state that was kept last, nil if there is none.
	Saved(ctx context.Context) (json.RawMessage, error)
	// Keep keeps the result of an effect, unless there is one, and returns the one that
	// is kept. It does so even if ctx has ended: the effect has happened.
	Keep(ctx context.Context, effect string, result json.RawMessage) (kept json.RawMessage, err error)
	// Kept is the result of an effect, if one is kept.
	Kept(ctx context.Context, effect string) (result json.RawMessage, exists bool, err error)
	// HandOver makes the ticket of the attempt, which is handed over if its handler returns
	// nil without having completed.
	HandOver(silence time.Duration) (ticket string, err error)
}

type keeperKey struct{}

// WithKeeper makes the context of a handler that may use Checkpoint, Restore, Once and
// HandOver. The engine calls it, and tests of handlers do.
func WithKeeper(ctx context.Context, k Keeper) context.Context {
	return context.WithValue(ctx, keeperKey{}, k)
}

func keeperOf(ctx context.Context) (Keeper, error) {
	if k, ok := ctx.Value(keeperKey{}).(Keeper); ok {
		return k, nil
	}
	return nil, errNoKeeper
}

// encode leaves &, < and > as they are: JSON in JSON goes out as a handler wrote it.
func encode(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(buf.Bytes()), nil
}
