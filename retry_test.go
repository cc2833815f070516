package streamer_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
)

func TestRetryOf(t *testing.T) {
	plain := errors.New("plain")
	typed := streamer.Errorf("NO_STOCK", "none left")
	busy := &streamer.Error{Code: "BUSY", Retryable: true}
	var none *streamer.Error
	for name, c := range map[string]struct {
		err   error
		retry bool
		after time.Duration
	}{
		"nothing":                    {nil, false, 0},
		"plain":                      {plain, true, 0},
		"a nil *Error":               {none, true, 0},
		"typed":                      {fmt.Errorf("wrapped: %w", typed), false, 0},
		"typed, retryable":           {fmt.Errorf("wrapped: %w", busy), true, 0},
		"marked":                     {streamer.Retryable(plain, time.Minute), true, time.Minute},
		"marked, wrapped":            {fmt.Errorf("wrapped: %w", streamer.Retryable(typed, time.Minute)), true, time.Minute},
		"marked, without a wait":     {streamer.Retryable(typed, 0), true, 0},
		"marked, a wait before now":  {streamer.Retryable(typed, -time.Hour), true, 0},
		"marked, too long a wait":    {streamer.Retryable(plain, 12*time.Hour), true, streamer.MaxWait},
		"permanent":                  {fmt.Errorf("wrapped: %w", streamer.Permanent(plain)), false, 0},
		"permanent, typed retryable": {streamer.Permanent(busy), false, 0},
		"the outermost decides":      {streamer.Permanent(streamer.Retryable(plain, time.Hour)), false, 0},
		"the outermost decides too":  {streamer.Retryable(streamer.Permanent(plain), time.Hour), true, time.Hour},
	} {
		if retry, after := streamer.RetryOf(c.err); retry != c.retry || after != c.after {
			t.Errorf("%s: %v after %s, want %v after %s", name, retry, after, c.retry, c.after)
		}
	}
	if streamer.Retryable(nil, time.Hour) != nil || streamer.Permanent(nil) != nil {
		t.Error("no error became one")
	}
	marked := streamer.Retryable(fmt.Errorf("stock: %w", typed), time.Second)
	if e, ok := streamer.AsError(marked); !ok || e != typed || marked.Error() != "stock: NO_STOCK: none left" || !errors.Is(marked, typed) {
		t.Errorf("the mark hides what it marks: %v", marked)
	}
}

func TestBackoffWait(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, c := range []struct {
		b    streamer.Backoff
		want []time.Duration
	}{
		{streamer.Backoff{}, []time.Duration{1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s}},
		{streamer.Backoff{First: 10 * s}, []time.Duration{10 * s, 20 * s, 40 * s, 60 * s, 60 * s, 60 * s, 60 * s, 60 * s, 60 * s}},
		{streamer.Backoff{First: 90 * s}, slices.Repeat([]time.Duration{90 * s}, 9)},
		{streamer.Backoff{Most: 3 * s}, []time.Duration{1 * s, 2 * s, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s}},
		{streamer.Backoff{Most: 100 * time.Millisecond}, slices.Repeat([]time.Duration{100 * time.Millisecond}, 9)},
		{streamer.Backoff{First: 10 * m, Most: 11 * h}, []time.Duration{10 * m, 20 * m, 40 * m, 80 * m, 160 * m, 320 * m, 640 * m, 11 * h, 11 * h}},
		{streamer.Backoff{First: 11 * h, Most: 11 * h}, slices.Repeat([]time.Duration{11 * h}, 9)},
	} {
		var most, half []time.Duration
		for attempt := 1; attempt < streamer.MaxAttempts; attempt++ {
			most = append(most, c.b.Wait(attempt, 1))
			half = append(half, 2*c.b.Wait(attempt, 0.5))
			if least := c.b.Wait(attempt, 0); least != 0 {
				t.Errorf("%+v: at least %s after attempt %d", c.b, least, attempt)
			}
		}
		if !slices.Equal(most, c.want) || !slices.Equal(half, c.want) {
			t.Errorf("%+v: at most %v, want %v", c.b, most, c.want)
		}
	}
}
