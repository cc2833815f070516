package intake_test

import (
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/intake"
	"github.com/pay-theory/streamer/internal/lifecycle"
)

func TestIDs(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	seen := map[string]bool{}
	for range 1000 {
		id := intake.NewID(now)
		if !lifecycle.ValidID(id) || seen[id] || id[:10] != intake.NewID(now)[:10] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
	if intake.NewID(now) >= intake.NewID(now.Add(time.Millisecond)) {
		t.Error("a later id does not sort after an earlier one")
	}
}
