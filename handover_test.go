package streamer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
)

func TestHandOver(t *testing.T) {
	ctx, m := remember(t)
	for silence, want := range map[time.Duration]string{
		0: "ticket-5m0s", time.Second: "ticket-1s", 12 * time.Hour: "ticket-12h0m0s",
	} {
		if ticket, err := streamer.HandOver(ctx, silence); ticket != want || err != nil {
			t.Errorf("%s: got %q, %v", silence, ticket, err)
		}
	}
	for _, silence := range []time.Duration{-1, time.Second - 1, 12*time.Hour + 1} {
		if ticket, err := streamer.HandOver(ctx, silence); ticket != "" || err == nil || !strings.Contains(err.Error(), "1s to 12h0m0s") {
			t.Errorf("%s: got %q, %v", silence, ticket, err)
		}
	}
	m.err = errors.New("no")
	if ticket, err := streamer.HandOver(ctx, 0); ticket != "" || !errors.Is(err, m.err) {
		t.Errorf("got %q, %v", ticket, err)
	}
	if _, err := streamer.HandOver(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "async action's handler") {
		t.Errorf("elsewhere: %v", err)
	}
}
