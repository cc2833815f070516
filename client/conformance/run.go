package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// fenceStep is what a sequence number grows by with each attempt.
const fenceStep = 1_000_000

// run is one run of a case: a stage with at most one request, and what was seen of its
// client.
type run struct {
	c     Case
	done  context.Context
	files string // where its links begin

	mu      sync.Mutex
	changed chan struct{} // closed at the next change
	open_   []*connection
	report  Report
	refuse  []int
	submits []Fate
	asks    map[string][]Fate
	stored  map[string][]byte // files by name
	expired map[string]int    // how often a file's link is still to be refused
	request *request
	late    []func() // answers that wait for the script's end
	lost    int      // terminal frames so far
}

// request is the request of a run, as a stage would have it in its table.
type request struct {
	protocol.Request
	ref        string
	key        string
	payload    json.RawMessage
	cancelling bool
	watchers   map[*connection]bool
	terminal   protocol.Frame
	count      int64 // frames of this attempt
	sent       [][]byte
	holding    bool
	held       [][]byte
}

func newRun(done context.Context, c Case, files string) *run {
	asks := map[string][]Fate{}
	maps.Copy(asks, c.Asks)
	return &run{
		c: c, done: done, files: files, changed: make(chan struct{}),
		refuse: slices.Clone(c.Refuse), submits: c.Submits, asks: asks,
		stored: map[string][]byte{}, expired: map[string]int{},
	}
}

// requestID is that of the only request of a run.
const requestID = "01J8ZK3V9N4QW2RX7T5Y6M8A0B"

func (r *run) reported() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report
}

// refusal is the status that a handshake is refused with, zero if it is never answered.
func (r *run) refusal(expires time.Time) (status int, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case len(r.refuse) > 0:
		status, r.refuse = r.refuse[0], r.refuse[1:]
	case expires.Before(time.Now()):
		status = http.StatusUnauthorized
	default:
		return 0, false
	}
	r.report.Refused++
	return status, true
}

func (r *run) open(c *connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.ContainsFunc(r.open_, func(other *connection) bool { return !other.deaf }) {
		r.report.Overlaps++
	}
	r.open_ = append(r.open_, c)
	r.report.Handshakes++
	r.tell()
}

func (r *run) close(c *connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(c)
}

func (r *run) forget(c *connection) {
	c.deaf = true
	r.open_ = slices.DeleteFunc(r.open_, func(other *connection) bool { return other == c })
	if r.request != nil {
		delete(r.request.watchers, c)
	}
	r.tell()
}

func (r *run) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// keep stores an upload under the name that its link has.
func (r *run) keep(name string, body []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, announced := r.stored[name]
	r.stored[name] = body
	return announced
}

func (r *run) fetch(name string) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	file, ok := r.stored[name]
	if r.expired[name] > 0 {
		r.expired[name]--
		return nil, false
	}
	return file, ok
}

// take answers one message of a client.
func (r *run) take(c *connection, message []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.deaf {
		return
	}
	r.report.Largest = max(r.report.Largest, len(message))
	m, err := protocol.DecodeMessage(message)
	switch {
	case err != nil:
		r.refused(c, m.ID, protocol.BadMessage, err.Error())
	case c.expires.Before(time.Now()):
		r.report.Expired++
		r.refused(c, m.ID, protocol.Unauthenticated, "the token has run out")
	case m.Action == protocol.ActionPing:
		r.report.Pings++
		c.frame(protocol.Pong{Answer: answer(m.ID)})
	case strings.HasPrefix(m.Action, protocol.ReservedPrefix):
		r.own(c, m)
	default:
		r.report.Submits++
		r.submit(c, m)
	}
	r.tell()
}

func (r *run) refused(c *connection, id string, code protocol.Code, message string) {
	c.frame(protocol.Error{Answer: answer(id), Code: code, Message: message, Retryable: code.Retryable()})
}

// own answers an action of Streamer's own, or does what the case has in store for it.
func (r *run) own(c *connection, m protocol.Message) {
	name := strings.TrimPrefix(m.Action, protocol.ReservedPrefix)
	if m.Action == protocol.ActionSubscribe {
		r.report.Subscribes++
	}
	fates := r.asks[name]
	fate := next(&fates)
	r.asks[name] = fates
	switch {
	case r.spoilt(c, m, fate):
	case m.Action == protocol.ActionUpload:
		r.upload(c, m)
	default:
		r.about(c, m)
	}
}

// next takes the first fate out of those to come.
func next(fates *[]Fate) (first Fate) {
	if len(*fates) > 0 {
		first, *fates = (*fates)[0], (*fates)[1:]
	}
	return first
}

// spoilt does to a message what keeps it from being taken.
func (r *run) spoilt(c *connection, m protocol.Message, fate Fate) bool {
	switch fate {
	case "", Unanswered, CutAfter, Late, Twice:
		return false
	case Lost:
	case CutBefore:
		r.cut(c, 1006)
	case TooBig:
		r.cut(c, 1009)
	case Gateway:
		c.send([]byte(`{"message": "Internal server error", "connectionId":"UuQ5dfKjoAMCJhw=", "requestId":"UuQ5dEt9IAMFTCA="}`))
	case Throttled:
		c.send([]byte(`{"message": "Too Many Requests", "connectionId":"UuQ5dfKjoAMCJhw=", "requestId":"UuQ5dEt9IAMFTCA="}`))
	default:
		r.refused(c, m.ID, protocol.Code(fate), "refused by the script")
	}
	return true
}

func (r *run) upload(c *connection, m protocol.Message) {
	name := fmt.Sprint("upload-", len(r.stored))
	r.stored[name] = nil
	c.frame(protocol.Upload{
		Answer: answer(m.ID), PayloadRef: name, URL: r.files + name,
		Headers: map[string]string{"content-type": "application/json"}, ExpiresAt: time.Now().Add(time.Hour).UnixMilli(),
	})
}

// about answers an action of Streamer's own that is about a request.
func (r *run) about(c *connection, m protocol.Message) {
	q := r.request
	if q == nil || m.RequestID != q.RequestID {
		r.refused(c, m.ID, protocol.NotFound, "there is no such request")
		return
	}
	switch m.Action {
	case protocol.ActionSubscribe:
		q.watchers[c] = true
		state := q.Request
		if q.terminal != nil {
			state.Seq--
		}
		c.frame(protocol.Subscribed{
			Answer: answer(m.ID), RequestID: q.RequestID, Status: state.Status, Attempt: state.Attempt,
			Percentage: state.Percentage, Message: state.Message, Seq: state.Seq,
		})
		r.end(c)
	case protocol.ActionUnsubscribe:
		delete(q.watchers, c)
		c.frame(protocol.Unsubscribed{Answer: answer(m.ID), RequestID: q.RequestID})
	case protocol.ActionCancel:
		q.cancelling = true
		fallthrough
	case protocol.ActionGet:
		state := q.Request
		state.Answer = answer(m.ID)
		c.frame(state)
	}
}

// end follows an answer with the terminal frame, if there is one.
func (r *run) end(c *connection) {
	switch {
	case r.request.terminal == nil:
	case r.lost < r.c.EndsLost:
		r.lost++
	default:
		c.frame(r.request.terminal)
	}
}

// submit stores a request, or does what the case has in store for this submission.
func (r *run) submit(c *connection, m protocol.Message) {
	fate := next(&r.submits)
	if r.spoilt(c, m, fate) {
		return
	}
	if m.PayloadRef != "" {
		m.Payload = r.stored[m.PayloadRef]
	}
	reply := func() {}
	if m.Action == "echo" {
		f := protocol.Response{Answer: answer(m.ID), RequestID: requestID, Result: m.Payload}
		r.report.Created++
		reply = func() { c.frame(f) }
	} else {
		reply = r.store(c, m)
	}
	switch fate {
	case CutAfter:
		r.cut(c, 1006)
	case Late:
		r.late = append(r.late, reply)
	case Twice:
		reply()
		reply()
	case "":
		reply()
	}
}

// store stores a request, or finds it under its key, and returns what answers. The script
// of a new one begins once its submission is answered, or was not.
func (r *run) store(c *connection, m protocol.Message) (reply func()) {
	f := protocol.Accepted{Answer: answer(m.ID), RequestID: requestID, Status: protocol.Pending}
	if q := r.request; q != nil {
		if m.IdempotencyKey == "" || m.IdempotencyKey != q.key {
			r.report.Created++ // the work would be done twice
		}
		q.watchers[c] = true
		f.Status, f.Duplicate = q.Status, true
		return func() {
			c.frame(f)
			r.end(c)
		}
	}
	r.report.Created++
	r.request = &request{
		Request: protocol.Request{RequestID: requestID, Action: m.Action, Status: protocol.Pending, CreatedAt: f.TS, DeadlineAt: f.TS + protocol.DefaultDeadline.Milliseconds()},
		ref:     m.ID, key: m.IdempotencyKey, payload: m.Payload, watchers: map[*connection]bool{c: true},
	}
	go r.play(r.c.Steps)
	return func() { c.frame(f) }
}

// cut ends a connection.
func (r *run) cut(c *connection, code int) {
	r.forget(c)
	go c.end(code) // a close frame is answered by what takes messages
}

func answer(id string) protocol.Answer {
	return protocol.Answer{ID: id, TS: time.Now().UnixMilli()}
}

func (c *connection) frame(f protocol.Frame) {
	text, err := protocol.Encode(f)
	if err != nil {
		panic(err) // results were JSON when they were read
	}
	c.send(text)
}
