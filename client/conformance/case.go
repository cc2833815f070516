package conformance

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/pay-theory/streamer/protocol"
)

//go:embed cases.json
var cases []byte

// Case is one thing that a client must get through.
type Case struct {
	// Name is a word, Group the kind of case, and About says what it is for.
	Name  string `json:"name"`
	Group Group  `json:"group"`
	About string `json:"about"`

	// Action is what the client submits: "work" by default, which plays Steps, or "echo",
	// which is sync.
	Action string `json:"action,omitempty"`
	// Payload is submitted, or one of {"fill":"xx…"} with PayloadSize letters.
	Payload     json.RawMessage `json:"payload,omitempty"`
	PayloadSize int             `json:"payload_size,omitempty"`
	// Attach has the client attach to a request that is not there, instead.
	Attach bool `json:"attach,omitempty"`
	// TokenMS is how long a token lasts, a day if it is zero. The client gets a fresh one
	// whenever it asks, unless it has OneToken.
	TokenMS  int  `json:"token_ms,omitempty"`
	OneToken bool `json:"one_token,omitempty"`
	// Timing are settings of the client in milliseconds, by their names: handshake, answer,
	// ping, pong, life, handover. What is not named keeps its default, but back-off begins at
	// 10 ms.
	Timing map[string]int `json:"timing,omitempty"`
	// Client is what the client does as soon as it takes a progress with such a message.
	Client map[string]ClientAct `json:"client,omitempty"`

	// Refuse are the HTTP statuses that the first handshakes are refused with; one with zero
	// is never answered.
	Refuse []int `json:"refuse,omitempty"`
	// Submits are what becomes of the first submissions, in order; the others are taken.
	Submits []Fate `json:"submits,omitempty"`
	// Asks are the same of the first messages with an action of Streamer's own, without the
	// prefix: subscribe, cancel, upload. They are lost, refused or cut_before.
	Asks map[string][]Fate `json:"asks,omitempty"`
	// EndsLost is how many of the terminal frames are lost that follow an answer: a function
	// may die between the two.
	EndsLost int `json:"ends_lost,omitempty"`
	// Steps are played once the request is stored.
	Steps []Step `json:"steps,omitempty"`

	Expect Expectation `json:"expect"`
}

// ClientAct is something that a client does.
type ClientAct string

// What a client does.
const (
	// ActCancel cancels the request.
	ActCancel ClientAct = "cancel"
	// ActSleep has an hour pass for the client alone: its clock jumps.
	ActSleep ClientAct = "sleep"
	// ActReload closes the client and attaches to the request with another one.
	ActReload ClientAct = "reload"
)

// Fate is what becomes of a message.
type Fate string

// What may become of a message. A code of the protocol's is that: it is refused so.
const (
	// Lost: it never arrives.
	Lost Fate = "lost"
	// Unanswered: it is stored, and the answer never arrives.
	Unanswered Fate = "unanswered"
	// CutBefore: the connection is cut, and nothing stored.
	CutBefore Fate = "cut_before"
	// CutAfter: it is stored, and the connection cut before the answer.
	CutAfter Fate = "cut_after"
	// Late: it is stored, and answered when the script says so, or ends.
	Late Fate = "late"
	// Twice: it is answered twice.
	Twice Fate = "twice"
	// Gateway: API Gateway answers with an error of its own, Throttled: with that of a
	// message too many.
	Gateway   Fate = "gateway"
	Throttled Fate = "throttled"
	// TooBig: the connection is closed with 1009.
	TooBig Fate = "too_big"
)

// Step is one thing that a script does.
type Step struct {
	Do StepKind `json:"do"`

	Percentage float64         `json:"percentage,omitempty"`
	Message    string          `json:"message,omitempty"`
	Attempt    int             `json:"attempt,omitempty"` // 1 if it is zero
	Code       protocol.Code   `json:"code,omitempty"`
	Result     json.RawMessage `json:"result,omitempty"`
	// Echo has the request's payload as its result; Link sends the result as a link, which
	// is refused Expired times.
	Echo    bool `json:"echo,omitempty"`
	Link    bool `json:"link,omitempty"`
	Expired int  `json:"expired,omitempty"`

	// Close is the code of a close frame; 1006 cuts the connection without one. Steps happen
	// before anyone is back.
	Close int `json:"close,omitempty"`
	// Status and Count: that many handshakes are refused. Count is also of frames that are
	// sent again, and of connections to wait for.
	Status int    `json:"status,omitempty"`
	Count  int    `json:"count,omitempty"`
	MS     int    `json:"ms,omitempty"`
	Text   string `json:"text,omitempty"`
	// Repeat is how often Steps are played, with {n} in their messages counted from 1.
	Repeat int    `json:"repeat,omitempty"`
	Steps  []Step `json:"steps,omitempty"`
}

// StepKind says what a step does.
type StepKind string

// What a step may do.
const (
	DoProgress  StepKind = "progress"
	DoRetrying  StepKind = "retrying"
	DoComplete  StepKind = "complete"
	DoFail      StepKind = "failed"
	DoCancelled StepKind = "cancelled"
	// DoAgain sends the last Count frames again, unchanged.
	DoAgain StepKind = "again"
	// DoHold keeps frames back until DoRelease sends them, the last first.
	DoHold    StepKind = "hold"
	DoRelease StepKind = "release"
	// DoRaw sends Text to every connection.
	DoRaw StepKind = "raw"
	// DoClose closes every connection, DoRefuse refuses the next handshakes.
	DoClose  StepKind = "close"
	DoRefuse StepKind = "refuse"
	// DoDeaf leaves every connection open, and reads and sends nothing on it any more.
	DoDeaf StepKind = "deaf"
	// DoWatched waits until somebody watches; DoOpened until Count connections were opened,
	// DoConnections until all but one of them are closed, too; DoCancelling until the client
	// has cancelled.
	DoWatched     StepKind = "watched"
	DoOpened      StepKind = "opened"
	DoConnections StepKind = "connections"
	DoCancelling  StepKind = "cancelling"
	// DoAnswer gives the answers that are late.
	DoAnswer StepKind = "answer"
	DoWait   StepKind = "wait"
	// DoRepeat plays Steps Repeat times.
	DoRepeat StepKind = "repeat"
)

// Group is a kind of case.
type Group string

// groups are all there are, in their order, and what they are about.
var groups = []struct {
	name  Group
	about string
}{
	{"answers", "results, failures, cancels"},
	{"submissions", "submissions that are lost, refused, cut, answered late or twice"},
	{"order", "frames that come twice, in the wrong order, late, unknown, by the thousand"},
	{"cuts", "connections that are closed, cut, half open, refused; sleep, reload, restart"},
	{"tokens", "tokens that are refused, and that run out"},
	{"two hours", "the two hours of a connection"},
	{"sizes", "payloads and results that are too large for a message"},
	{"everything", "all of it at once"},
}

// Expectation is what a case must come to.
type Expectation struct {
	// Updates are the states that the client took, in order, but for PROCESSING. A RETRYING
	// has its attempt.
	Updates []string `json:"updates"`
	// Result is the result, or the payload if Echo; Error is the code instead.
	Result json.RawMessage `json:"result,omitempty"`
	Echo   bool            `json:"echo,omitempty"`
	Error  string          `json:"error,omitempty"`
	// Report has the least and the most of each number of the report's that matters.
	Report map[string][2]int `json:"report,omitempty"`
}

// Report is what the server saw of a run.
type Report struct {
	// Handshakes were accepted, Refused were not.
	Handshakes int `json:"handshakes"`
	Refused    int `json:"refused"`
	// Submits arrived; Created are the requests that came of them.
	Submits    int `json:"submits"`
	Created    int `json:"created"`
	Subscribes int `json:"subscribes"`
	Pings      int `json:"pings"`
	// Expired are messages that came after their connection's token had run out.
	Expired int `json:"expired"`
	// Overlaps counts connections that were opened while another was open.
	Overlaps int `json:"overlaps"`
	// Largest is the largest message, in bytes.
	Largest int `json:"largest"`
}

// Cases are all there are.
func Cases() ([]Case, error) {
	var all []Case
	dec := json.NewDecoder(bytes.NewReader(cases))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&all); err != nil {
		return nil, fmt.Errorf("read the conformance cases: %w", err)
	}
	return all, nil
}
