package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// play plays a script, then gives the answers that are late.
func (r *run) play(steps []Step) {
	r.steps(append(slices.Clone(steps), Step{Do: DoAnswer}), 0)
}

// steps plays steps, the n-th time.
func (r *run) steps(steps []Step, n int) {
	for _, s := range steps {
		s.Message = strings.ReplaceAll(s.Message, "{n}", fmt.Sprint(n))
		switch s.Do {
		case DoWait:
			select {
			case <-time.After(time.Duration(s.MS) * time.Millisecond):
			case <-r.done.Done():
				return
			}
		case DoWatched:
			r.await(func() bool { return len(r.request.watchers) > 0 })
		case DoOpened:
			r.await(func() bool { return r.report.Handshakes >= s.Count })
		case DoConnections:
			r.await(func() bool { return r.report.Handshakes >= s.Count && len(r.open_) == 1 })
		case DoCancelling:
			r.await(func() bool { return r.request.cancelling })
		case DoRepeat:
			for i := range s.Repeat {
				r.steps(s.Steps, i+1)
			}
		default:
			r.mu.Lock()
			r.step(s)
			r.mu.Unlock()
		}
	}
}

// await waits for a condition, or the server's end.
func (r *run) await(holds func() bool) {
	for {
		r.mu.Lock()
		ok, changed := holds(), r.changed
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-r.done.Done():
			return
		}
	}
}

// step does what takes no time. The caller holds the lock.
func (r *run) step(s Step) {
	q := r.request
	switch s.Do {
	case DoAgain:
		for _, text := range q.sent[max(0, len(q.sent)-s.Count):] {
			r.send(text)
		}
	case DoHold:
		q.holding = true
	case DoRelease:
		q.holding = false
		for i := len(q.held) - 1; i >= 0; i-- {
			r.send(q.held[i])
		}
		q.held = nil
	case DoAnswer:
		for _, reply := range r.late {
			reply()
		}
		r.late = nil
	case DoRaw:
		r.send([]byte(s.Text))
	case DoClose:
		for len(r.open_) > 0 {
			r.cut(r.open_[0], s.Close)
		}
		for _, meanwhile := range s.Steps {
			r.step(meanwhile)
		}
	case DoRefuse:
		for range s.Count {
			r.refuse = append(r.refuse, s.Status)
		}
	case DoDeaf:
		for c := range q.watchers {
			c.deaf = true
		}
		clear(q.watchers)
	default:
		r.post(q.frame(s, r))
	}
}

// post sends a frame to whoever watches, unless frames are held back.
func (r *run) post(f protocol.Frame) {
	text, err := protocol.Encode(f)
	if err != nil {
		panic(err) // results were JSON when they were read
	}
	q := r.request
	q.sent = append(q.sent, text)
	if q.holding {
		q.held = append(q.held, text)
		return
	}
	r.send(text)
}

func (r *run) send(text []byte) {
	for c := range r.request.watchers {
		c.send(text)
	}
}

// frame is what a step says of the request, with its number, and the request's state after
// it.
func (q *request) frame(s Step, r *run) protocol.Frame {
	if s.Attempt == 0 {
		s.Attempt = max(q.Attempt, 1)
	}
	if s.Attempt != q.Attempt {
		q.count = 0
	}
	q.count++
	q.Attempt, q.Seq = s.Attempt, int64(s.Attempt)*fenceStep+q.count
	e := protocol.Event{RequestID: q.RequestID, Ref: q.ref, Seq: q.Seq, TS: time.Now().UnixMilli()}
	switch s.Do {
	case DoProgress:
		q.Status, q.Percentage, q.Message = protocol.Processing, s.Percentage, s.Message
		return protocol.Progress{Event: e, Percentage: s.Percentage, Message: s.Message, Attempt: s.Attempt}
	case DoRetrying:
		q.Status = protocol.Retrying
		return protocol.RetryingFrame{Event: e, Attempt: s.Attempt, NextAt: e.TS, Code: s.Code}
	case DoComplete:
		q.Status, q.Result = protocol.Completed, s.Result
		if s.Echo {
			q.Result = q.payload
		}
		if s.Link {
			q.ResultRef, q.Result = r.link(q.Result, s.Expired), json.RawMessage("null")
		}
		q.terminal = protocol.Complete{Event: e, Result: q.Result, ResultRef: q.ResultRef, Attempt: s.Attempt}
	case DoFail:
		q.Status, q.Code, q.Error = protocol.Failed, s.Code, s.Message
		q.terminal = protocol.FailedFrame{Event: e, Code: s.Code, Message: s.Message, Attempt: s.Attempt}
	case DoCancelled:
		q.Status = protocol.Cancelled
		q.terminal = protocol.CancelledFrame{Event: e}
	default:
		panic(fmt.Sprintf("case %s: no step does %q", r.c.Name, s.Do))
	}
	return q.terminal
}

// link stores a result that is fetched by a link.
func (r *run) link(result json.RawMessage, expired int) *protocol.Ref {
	const name = "result"
	r.stored[name], r.expired[name] = result, expired
	sum := sha256.Sum256(result)
	return &protocol.Ref{URL: r.files + name, Size: int64(len(result)), SHA256: hex.EncodeToString(sum[:]), ExpiresAt: time.Now().Add(time.Hour).UnixMilli()}
}
