package simulation

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
)

// What the judge holds the answers to messages to, and what reaches whom.

// answerTypes are the frames that may answer a message, besides a refusal.
var answerTypes = map[string][]protocol.Type{
	protocol.ActionPing:        {protocol.TypePong},
	protocol.ActionGet:         {protocol.TypeRequest},
	protocol.ActionSubscribe:   {protocol.TypeSubscribed, protocol.TypeComplete, protocol.TypeFailed, protocol.TypeCancelled},
	protocol.ActionUnsubscribe: {protocol.TypeUnsubscribed},
	protocol.ActionCancel:      {protocol.TypeRequest, protocol.TypeCancelled},
	protocol.ActionList:        {protocol.TypeRequests},
	protocol.ActionUpload:      {protocol.TypeUpload},
	question.Name:              {protocol.TypeResponse},
}

func init() {
	for _, a := range actions {
		answerTypes[a.Name] = []protocol.Type{protocol.TypeAccepted, protocol.TypeComplete, protocol.TypeFailed, protocol.TypeCancelled}
	}
}

// answerOf is what a frame has that answers a message.
func answerOf(f protocol.Frame) protocol.Answer {
	switch f := f.(type) {
	case protocol.Response:
		return f.Answer
	case protocol.Accepted:
		return f.Answer
	case protocol.Error:
		return f.Answer
	case protocol.Subscribed:
		return f.Answer
	case protocol.Unsubscribed:
		return f.Answer
	case protocol.Request:
		return f.Answer
	case protocol.Requests:
		return f.Answer
	case protocol.Pong:
		return f.Answer
	case protocol.Upload:
		return f.Answer
	}
	return protocol.Answer{}
}

// about is the request that a frame is about; empty if it is about none.
func about(f protocol.Frame) string {
	if e, ok := protocol.EventOf(f); ok {
		return e.RequestID
	}
	switch f := f.(type) {
	case protocol.Accepted:
		return f.RequestID
	case protocol.Subscribed:
		return f.RequestID
	case protocol.Unsubscribed:
		return f.RequestID
	case protocol.Request:
		return f.RequestID
	}
	return ""
}

// answered holds what the router returned for a message to what may answer it.
func (j *judge) answered(p *pending, id string, body []byte) {
	f, err := protocol.DecodeFrame(body)
	if err != nil {
		j.w.violate("a message is answered with %q: %v", body, err)
		return
	}
	_, isEvent := protocol.EventOf(f)
	switch {
	case f.Type() != protocol.TypeError && !slices.Contains(answerTypes[p.verb], f.Type()):
		j.w.violate("%s is answered with %s", p.verb, f.Type())
	case !isEvent && answerOf(f).ID != id:
		j.w.violate("%s %s is answered as %q", p.verb, id, answerOf(f).ID)
	case f.Type() != protocol.TypeError && p.id != "" && about(f) != p.id:
		j.w.violate("%s of %s is answered with %s of %s", p.verb, short(p.id), f.Type(), short(about(f)))
	case j.expired(about(f), p.at, true) && !j.bygone(f):
		j.w.violate("%s of %s is answered with %s, although it had expired", p.verb, short(about(f)), f.Type())
	}
}

// reaches holds a frame that gets to somebody to whose request it is about.
func (j *judge) reaches(c *conn, data []byte) {
	f, err := protocol.DecodeFrame(data)
	if err != nil {
		return
	}
	if row, exists := j.row(about(f)); exists && (person{row.Key().Tenant, row.User}) != c.client.person {
		j.w.violate("%s of %s, which is %s's at %s, crosses to %s at %s", f.Type(), short(row.PK), row.User, row.Key().Tenant, c.client.user, c.client.tenant)
	}
}

// heard holds an answer that a client got to what it asked.
func (j *judge) heard(c *client, p *pending, f protocol.Frame) {
	if p.answers > 1 && (p.want == nil || !p.want.async) {
		j.w.violate("%s is answered %d times: %s", p.verb, p.answers, f.Type())
	}
	refusal, refused := f.(protocol.Error)
	if refused {
		j.w.saw("refusal %s", refusal.Code)
		if !j.fair(c, p, refusal) {
			j.w.violate("%s is told %s: %s (%s of %s)", c.name, refusal.Code, refusal.Message, p.verb, short(p.id))
		}
		return
	}
	if p.refusal != "" {
		j.w.violate("%s gets %s for a message that must be refused as %s", c.name, f.Type(), p.refusal)
	}
	if wt := p.want; wt != nil && wt.upload != nil && wt.upload.spoilt() && f.Type() == protocol.TypeAccepted {
		j.w.violate("%s is accepted, although what was uploaded is not what was announced", wt.ref)
	}
	if f, ok := f.(protocol.Response); ok {
		j.responded(c, p.want, f)
	}
}

// fair reports whether there is a reason for a refusal.
func (j *judge) fair(c *client, p *pending, f protocol.Error) bool {
	wt := p.want
	switch f.Code {
	case p.refusal:
		return true
	case protocol.Unavailable:
		faulty := !j.w.plan.quiet && (!j.w.calm || p.first.Before(j.calmAt))
		return faulty || p.verb == protocol.ActionCancel
	case protocol.Unauthenticated:
		return !p.on.expires.After(j.w.now().Add(j.w.plan.skew))
	case protocol.TooManyRequests:
		return wt != nil && j.w.plan.limits != (contract.Limits{})
	case protocol.TooManyWatchers:
		row, _ := j.row(p.id)
		if wt != nil {
			row, _ = j.row(j.id(wt))
		}
		return crowded(row)
	case protocol.NotFound, protocol.InvalidPayload:
		if wt != nil {
			return wt.upload != nil && wt.upload.spoilt()
		}
		if f.Code == protocol.NotFound && j.expired(p.id, j.w.now(), false) {
			j.w.saw("world asked for what expired")
			return true
		}
		return false
	case protocol.IdempotencyMismatch:
		return wt != nil && slices.ContainsFunc(c.w.everyWant(), func(other *want) bool {
			return other.client.person == c.person && other.action == wt.action && other.key == wt.key && other.job != wt.job
		})
	}
	if wt == nil || wt.async {
		return false
	}
	return f.Code == refusals[wt.job.Kind] || f.Code == protocol.Timeout && !j.w.plan.quiet
}

// responded holds the answer of the sync action to its question.
func (j *judge) responded(c *client, wt *want, f protocol.Response) {
	if code := refusals[wt.job.Kind]; code != "" {
		j.w.violate("%s, which %s, is answered", wt.ref, wt.job.Kind)
	}
	if _, exists := j.row(f.RequestID); exists {
		j.w.violate("%s has made a request", wt.ref)
	}
	if !belongs(wt.job, f.Result) {
		j.w.violate("%s gets %.80s for %s", c.name, f.Result, wt.ref)
	}
}

// result holds the result of a request, as a client got it, to what it asked for.
func (j *judge) result(c *client, id string, result []byte) {
	wt := j.wants[id]
	switch {
	case wt == nil: // whoever sent it never heard of it
	case wt.job.Kind == silent && string(result) == "null":
	case wt.job.Kind == silent, !belongs(wt.job, result):
		j.w.violate("%s gets the result %.80s of %s, which is not what it asked for", c.name, result, short(id))
	}
}

// belongs reports whether a result is that of a job.
func belongs(of job, result []byte) bool {
	var out outcome
	return json.Unmarshal(result, &out) == nil && out.N == of.N && out.Seen == digest(of)
}

// unanswered looks for messages that nobody answered, though nothing kept anyone.
func (j *judge) unanswered() {
	for _, c := range j.w.clients {
		for id, p := range c.sent {
			if p.answers == 0 && !p.lost && p.on.open && j.w.now().Sub(p.at) > time.Minute && len(answerTypes[p.verb]) == 1 {
				j.w.violate("%s got no answer to %s %s", c.name, p.verb, strings.TrimSpace(id))
			}
		}
	}
}
