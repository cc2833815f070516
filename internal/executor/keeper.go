package executor

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/ticket"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

var (
	errEnded = errors.New("the request has ended")
	errAgain = errors.New("the request was handed over before")
)

// signs is how many signs of life those who took over give at least while they may be
// silent.
const signs = 3

// kept is what an attempt knows of its states. It is guarded by attempt.busy.
type kept struct {
	state   lifecycle.Document
	saves   int
	at      time.Time     // the last one was saved, or the run began
	longest time.Duration // between two of them
	full    bool          // the handler was told to return
}

// keeper is what an attempt's handler saves to.
type keeper struct{ *attempt }

// Save implements streamer.Keeper. What is large is put beside the row first, so that the
// row never names what is not there.
func (k keeper) Save(ctx context.Context, state json.RawMessage) error {
	d, err := k.document(ctx, state)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	k.busy <- struct{}{}
	defer func() { <-k.busy }()
	if k.closed {
		return fmt.Errorf("checkpoint: %w", errEnded)
	}
	k.kept.saves++
	_, err = k.write(ctx, lifecycle.Save(k.row.Fence, k.kept.saves, d), func(lifecycle.Row) bool { return false })
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	k.kept.state = d
	now := k.Clock.Now()
	k.kept.longest = max(k.kept.longest, now.Sub(k.kept.at))
	k.kept.at = now
	if k.nearlyOver(now) {
		k.kept.full = true
		return streamer.ErrContinue
	}
	return nil
}

// document keeps a state, but for one that is small, which is kept by the row.
func (k keeper) document(ctx context.Context, state json.RawMessage) (lifecycle.Document, error) {
	if len(k.row.Payload)+len(state) <= rowRoom {
		return lifecycle.Document{JSON: string(state)}, nil
	}
	sum := sha256.Sum256(state)
	d := lifecycle.Document{At: lifecycle.PlaceItem, Hash: sum[:]}
	if len(state) <= protocol.MaxInline {
		return d, k.again(ctx, func(ctx context.Context) error {
			return k.Requests.PutState(ctx, k.delivery.Key, d.Hash, string(state), k.expires())
		})
	}
	d.At = lifecycle.PlaceObject
	_, err := k.Files.PutDocument(ctx, view.StateKey(k.delivery.Key, d.Hash), state)
	return d, err
}

// nearlyOver reports whether the run's next step might not fit into it.
func (k keeper) nearlyOver(now time.Time) bool {
	if k.ends.IsZero() {
		return false
	}
	return k.ends.Sub(now) < k.kept.longest+min(spare, k.ends.Sub(k.claimed)/10)
}

// Saved implements streamer.Keeper.
func (k keeper) Saved(ctx context.Context) (json.RawMessage, error) {
	k.busy <- struct{}{}
	d := k.kept.state
	<-k.busy
	switch {
	case d.At == lifecycle.PlaceItem:
		state, err := k.Requests.State(ctx, k.delivery.Key, d.Hash)
		return json.RawMessage(state), err
	case d.At == lifecycle.PlaceObject:
		return k.Files.Document(ctx, view.StateKey(k.delivery.Key, d.Hash), d.Hash)
	case d.JSON == "":
		return nil, nil
	}
	return json.RawMessage(d.JSON), nil
}

// Kept implements streamer.Keeper.
func (k keeper) Kept(ctx context.Context, effect string) (json.RawMessage, bool, error) {
	result, exists, err := k.Requests.Once(ctx, k.delivery.Key, k.effect(effect))
	return json.RawMessage(result), exists, err
}

// Keep implements streamer.Keeper. It is not fenced: what a worker did that has lost the
// request was done all the same.
func (k keeper) Keep(ctx context.Context, effect string, result json.RawMessage) (json.RawMessage, error) {
	var first string
	err := k.again(context.WithoutCancel(ctx), func(ctx context.Context) (err error) {
		first, err = k.Requests.PutOnce(ctx, k.delivery.Key, k.effect(effect), string(result), k.expires())
		return err
	})
	return json.RawMessage(first), err
}

// HandOver implements streamer.Keeper. It makes no call: the ticket becomes good once the
// handler has returned, so that nobody else writes as long as it may fail.
func (k keeper) HandOver(silence time.Duration) (string, error) {
	k.busy <- struct{}{}
	defer func() { <-k.busy }()
	switch {
	case k.closed:
		return "", errEnded
	case k.remote():
		return "", errAgain
	}
	k.silence = silence
	clocks := k.Clocks.Clocks
	clocks.Lease = silence
	clocks.PulseIdle = min(clocks.PulseIdle, silence/signs)
	clocks.Pulse = min(clocks.Pulse, clocks.PulseIdle)
	return ticket.Ticket{Ticket: k.ticket(), Action: k.row.Action, Stage: k.Stage, Clocks: clocks}.String(), nil
}

// effect is the name under which a result is kept. The id of a request with an
// idempotency key can come again once the row's time to live is over, and results outlive
// rows, so the row's own beginning is part of it.
func (k keeper) effect(name string) string { return fmt.Sprintf("%d#%s", k.row.CreatedAt, name) }

// expires is when nobody can ask any more for what is kept beside the row.
func (k keeper) expires() time.Time {
	return time.UnixMilli(k.row.DeadlineAt).Add(lifecycle.Retention)
}

// again makes a call to the table, again and again while it does not answer and a lease
// may last.
func (k keeper) again(ctx context.Context, do func(context.Context) error) error {
	end := k.Clock.Now().Add(k.Clocks.Lease)
	for {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		err := do(call)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		k.Log.WarnContext(ctx, "not kept yet", "request", k.delivery.Key.ID, "error", err)
		due, stop := k.Clock.After(writePause)
		select {
		case <-ctx.Done():
		case <-due:
		}
		stop()
		if !k.Clock.Now().Before(end) {
			return err
		}
	}
}
