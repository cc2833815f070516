package executor_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// An end is recorded each time that it goes out to anyone.
func TestAudit(t *testing.T) {
	recorded := func(t *testing.T, r *rig, times int, link string) {
		t.Helper()
		n := 0
		for dec := json.NewDecoder(&r.records); dec.More(); n++ {
			var got map[string]any
			if err := dec.Decode(&got); err != nil {
				t.Fatal(err)
			}
			if got["verb"] != "deliver" || got["outcome"] != "accepted" || got["tenant"] != "acme" || got["subject"] != "ann" ||
				got["request"] != key.ID || got["action"] != "work" || got["link"] != link {
				t.Errorf("record %v", got)
			}
		}
		if n != times {
			t.Errorf("%d records, want %d", n, times)
		}
	}
	play(t, "told at once", func(t *testing.T, r *rig) {
		r.handler = succeed(`1`)
		r.wantDone(r.deliver("m1"))
		recorded(t, r, 1, "")
	})
	play(t, "told again, with a link", func(t *testing.T, r *rig) {
		r.fate["c"] = streamer.ErrThrottled
		r.handler = succeed(large(protocol.MaxInline + 1))
		r.wantKept(r.deliver("m1"))
		r.fate["c"] = nil
		time.Sleep(30 * time.Second)
		r.wantDone(r.deliver("m1"))
		recorded(t, r, 2, view.ResultKey(key, 1))
	})
	play(t, "to nobody", func(t *testing.T, r *rig) {
		r.change(lifecycle.Unwatch("ann", "c"))
		r.handler = succeed(`1`)
		r.wantDone(r.deliver("m1"))
		recorded(t, r, 0, "")
	})
}
