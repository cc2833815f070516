package streamertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pay-theory/streamer"
)

// sink takes what the handler reports.
type sink[In, Out any] struct{ r *Request[In, Out] }

func (s sink[In, Out]) Report(percentage float64, message string) {
	s.add(Report{Percentage: percentage, Message: message})
}

func (s sink[In, Out]) Step(percentage float64, message string) {
	s.add(Report{Percentage: percentage, Message: message, Step: true})
}

func (s sink[In, Out]) add(report Report) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.Reports = append(s.r.Reports, report)
}

func (s sink[In, Out]) Complete(result json.RawMessage, _ *streamer.File) error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if s.r.Completed {
		return errors.New("complete: the request has completed")
	}
	if err := json.Unmarshal(result, &s.r.Result); err != nil {
		return fmt.Errorf("complete: the result cannot be read again: %w", err)
	}
	s.r.Completed = true
	return nil
}

// files keeps what the handler stores.
type files[In, Out any] struct{ r *Request[In, Out] }

func (f files[In, Out]) Put(_ context.Context, name, _ string, body io.Reader) (streamer.File, error) {
	content, err := io.ReadAll(body)
	if err != nil {
		return streamer.File{}, err
	}
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	f.r.Files[name] = content
	return streamer.File{Size: int64(len(content)), Key: name}, nil
}

// keeper is beneath Checkpoint, Restore, Once and HandOver.
type keeper[In, Out any] struct{ r *Request[In, Out] }

func (k keeper[In, Out]) Save(_ context.Context, state json.RawMessage) error {
	k.r.mu.Lock()
	defer k.r.mu.Unlock()
	k.r.Saved = state
	if k.r.saves++; k.r.saves == k.r.ContinueAt {
		return streamer.ErrContinue
	}
	return nil
}

func (k keeper[In, Out]) Saved(context.Context) (json.RawMessage, error) {
	k.r.mu.Lock()
	defer k.r.mu.Unlock()
	return k.r.Saved, nil
}

func (k keeper[In, Out]) Keep(_ context.Context, effect string, result json.RawMessage) (json.RawMessage, error) {
	k.r.mu.Lock()
	defer k.r.mu.Unlock()
	if kept, known := k.r.Effects[effect]; known {
		return kept, nil
	}
	k.r.Effects[effect] = result
	return result, nil
}

func (k keeper[In, Out]) Kept(_ context.Context, effect string) (json.RawMessage, bool, error) {
	k.r.mu.Lock()
	defer k.r.mu.Unlock()
	kept, known := k.r.Effects[effect]
	return kept, known, nil
}

func (k keeper[In, Out]) HandOver(time.Duration) (string, error) {
	k.r.mu.Lock()
	defer k.r.mu.Unlock()
	k.r.ticket = true
	return "a-ticket", nil
}
