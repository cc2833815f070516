// Package audit records who did what with which request, for those who have to answer for
// it: a line of the functions' log for each message of a client, each connection and each
// end that was told. Its shape is fixed:
//
//	time        when, RFC 3339
//	msg         "audit", which no other line has
//	verb        what was asked for
//	outcome     what came of it
//	code        why it was refused; empty if it was not
//	tenant, subject, connection, address
//	            who: as the token, or the service, said it; and from which address. Empty
//	            where it is not known, as before a token was checked, or has no place, as a
//	            connection in what a service does
//	request     which request; also one that the asker may not have, or that is not there
//	action      its action
//	link        the object that a link in the answer leads to; empty without a link
//	invocation, trace, attempt
//	            the run of the function, the trace, and which attempt ended, where there is
//	            one
//
// There is no payload in it, no result, no token and no link itself, and writing it takes no
// call. It does hold what identifies people.
package audit

import (
	"context"
	"io"
	"log/slog"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/logging"
	"github.com/pay-theory/streamer/protocol"
)

// Verb is what was asked for.
type Verb string

// The verbs. Submit is also every message that is none of the others, or is not understood.
const (
	Connect     Verb = "connect"
	Disconnect  Verb = "disconnect"
	Submit      Verb = "submit"
	Upload      Verb = "upload" // a link by which to upload a payload
	Get         Verb = "get"
	List        Verb = "list"
	Subscribe   Verb = "subscribe"
	Unsubscribe Verb = "unsubscribe"
	Cancel      Verb = "cancel"
	// Deliver is the end of a request, told to the connections of its user that watch, or
	// to the service that waits for it, with the result.
	Deliver Verb = "deliver"
)

// Outcome is what came of it.
type Outcome string

// The outcomes. Duplicate is a submission whose idempotency key had brought its request in
// before.
const (
	Accepted  Outcome = "accepted"
	Duplicate Outcome = "duplicate"
	Refused   Outcome = "refused"
)

// Record is one line.
type Record struct {
	Verb    Verb
	Outcome Outcome
	Code    protocol.Code

	Tenant, Subject     string
	Connection, Address string

	Request, Action, Link string
}

// Refuse makes the record one of a refusal.
func (r *Record) Refuse(code protocol.Code) { r.Outcome, r.Code = Refused, code }

// Log is where records go. The zero Log writes none.
type Log struct{ to *slog.Logger }

// To is a Log that writes lines to out, none if it is nil.
func To(out io.Writer) Log {
	if out == nil {
		return Log{}
	}
	return Log{logging.New(out)}
}

// Writes reports whether records go anywhere.
func (l Log) Writes() bool { return l.to != nil }

// Write writes a record.
func (l Log) Write(ctx context.Context, r Record) {
	if l.to == nil {
		return
	}
	l.to.InfoContext(ctx, contract.AuditMessage, "verb", r.Verb, "outcome", r.Outcome, "code", r.Code,
		"tenant", r.Tenant, "subject", r.Subject, "connection", r.Connection, "address", r.Address,
		"request", r.Request, "action", r.Action, "link", r.Link)
}
