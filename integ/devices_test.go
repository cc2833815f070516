package integ_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// counting is the payload of count.
type counting struct {
	To     int `json:"to"`
	TickMS int `json:"tick_ms"`
}

// A user's two devices see the same of a request, whichever of them asked for it: progress
// of which the newest wins, the last of it for certain, and the end.
func TestTwoDevicesSeeTheSame(t *testing.T) {
	t.Parallel()
	u := fresh()
	phone, laptop := dial(t, u), dial(t, u)
	ids := map[string]*client{}
	for _, asks := range []*client{phone, laptop} {
		ids[asks.submit(t, "count", counting{To: 300, TickMS: 10})] = asks
	}
	for id, asked := range ids {
		other := phone
		if asked == phone {
			other = laptop
		}
		as[protocol.Subscribed](t, other.about(t, protocol.ActionSubscribe, id))
	}
	for id := range ids {
		sameEnd(t, phone.end(t, id), laptop.end(t, id))
	}
	settle(t, phone, laptop)
	for id := range ids {
		consistent(t, historyOf(row(t, phone, id), phone, laptop), true)
		for _, device := range []*client{phone, laptop} {
			frames := device.events(id)
			rising(t, frames)
			if n := len(frames); n < 2 || n > 100 {
				t.Errorf("%d frames of 300 reports came", n)
			} else if p := as[protocol.Progress](t, frames[n-2]); p.Percentage != 100 {
				t.Errorf("the last report is not %+v", p)
			}
		}
	}
}

// A device's socket is cut at the first, the second … the last of a request's fifty
// frames, which is lost. It comes back, subscribes, and knows the end as if nothing had
// happened, while the device that asked sees every frame.
func TestSocketCutAtEachFrame(t *testing.T) {
	t.Parallel()
	s := local(t, "sockets that may be cut")
	const frames = 50
	// Beside who asked, each may be there twice: a connection that was cut is forgotten
	// when a post to it fails.
	const watching = (protocol.MaxWatchers - 1) / 2
	u, mark := marked()
	token := s.token(t, u)
	type device struct {
		before, after *client // the cut
		id            string
		cut           int // the frame at which it is cut
		asked         string
	}
	asks := dial(t, u)
	devices := make([]*device, frames)
	// Nothing begins before everyone watches.
	unclaimed := faults(t, s, front.Rule{
		Operation: "dynamodb.UpdateItem", Contains: []string{mark, "#owner"}, Fault: front.FaultError, Status: 400, Code: "AccessDeniedException",
	})
	var rules []front.Rule
	for i := range devices {
		name := fmt.Sprintf("device=%s-%d.", mark, i)
		devices[i] = &device{before: dialWith(t, s.socket+"?token="+token+"&"+name, nil), cut: i + 1}
		rules = append(rules, front.Rule{Operation: front.ServerMessage, Contains: []string{name, `"ref":"` + mark}, Skip: i, Count: 1, Fault: front.FaultCut})
	}
	faults(t, s, rules...)
	var ids []string
	for run := range slices.Chunk(devices, watching) {
		m := order(t, mark, fmt.Sprint(len(ids)), 0)
		m.Payload = object(t, echoAsync{"fifty", 2500, frames - 1})
		id, _ := place(t, asks, m)
		ids = append(ids, id)
		for _, d := range run {
			d.id = id
			d.asked = d.before.send(t, protocol.Message{Action: protocol.ActionSubscribe, RequestID: id})
		}
	}
	for _, d := range devices {
		f := d.before.wait(t, "the answer to subscribe", func(f frame) bool { return f.ID == d.asked })
		if as[protocol.Subscribed](t, f).Status != protocol.Pending {
			t.Fatalf("it began before everyone watched: %s", f.raw)
		}
	}
	clearFaults(t, s, unclaimed)
	for _, d := range devices {
		d.before.gone(t)
		d.after = dial(t, u)
		as[protocol.Subscribed](t, d.after.about(t, protocol.ActionSubscribe, d.id))
	}
	for _, d := range devices {
		as[protocol.Complete](t, d.after.end(t, d.id))
	}
	settle(t, asks)
	for _, d := range devices {
		d.after.ping(t) // whatever was on its way is there
	}

	rows := map[string]protocol.Request{}
	for _, id := range ids {
		rows[id] = row(t, asks, id)
		consistent(t, historyOf(rows[id], asks), true)
		seen := asks.events(id)
		// A post that the emulator does not answer may lose its frame, and has the end told once
		// more half a minute later.
		late := time.Duration(asks.end(t, id).TS-rows[id].EndedAt) * time.Millisecond
		if rows[id].Attempt != 1 || len(seen) != frames && late < 10*time.Second {
			t.Errorf("attempt %d, %d frames, told after %s: %s", rows[id].Attempt, len(seen), late, last(seen))
		}
	}
	for _, d := range devices {
		before, after := d.before.events(d.id), d.after.events(d.id)
		if len(before) != d.cut-1 {
			t.Errorf("cut at frame %d, %d came", d.cut, len(before))
		}
		rising(t, before)
		rising(t, after)
		consistent(t, historyOf(rows[d.id], d.before), false)
		consistent(t, historyOf(rows[d.id], d.after), true)
		// What it applies, all together.
		consistent(t, history{d.id, rows[d.id], [][]frame{append(before, after...)}}, true)
	}
}

// events are what came of a request, but for answers.
func (c *client) events(requestID string) []frame {
	return c.frames(func(f frame) bool { return f.RequestID == requestID && f.event() })
}

// rising fails the test unless the seq of each frame is above that of the one before.
func rising(t *testing.T, frames []frame) {
	t.Helper()
	for i := 1; i < len(frames); i++ {
		again := frames[i].Type().Terminal() && frames[i].Seq == frames[i-1].Seq // an end is told at least once
		if frames[i].Seq <= frames[i-1].Seq && !again {
			t.Errorf("after seq %d: %s", frames[i-1].Seq, frames[i].raw)
		}
	}
}
