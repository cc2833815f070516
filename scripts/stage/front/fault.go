package front

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Faults that a rule may make.
const (
	// FaultError answers with Status and Code in the service's own form.
	FaultError = "error"
	// FaultThrottle is the error that the service gives whoever calls too often.
	FaultThrottle = "throttle"
	// FaultDelay holds the call for DelayMS.
	FaultDelay = "delay"
	// FaultReset resets the connection.
	FaultReset = "reset"
	// FaultKill kills the calling process (SIGKILL).
	FaultKill = "kill"
	// FaultStop stops the calling process (SIGSTOP) and lets it go on (SIGCONT) after
	// DelayMS, or never if that is zero. The call itself goes its way meanwhile.
	FaultStop = "stop"
	// FaultCut resets a client's WebSocket.
	FaultCut = "cut"
)

// Points at which a fault happens.
const (
	// Before the call is passed on: it never arrives, or it arrives late.
	Before = "before"
	// After the call was answered and before its caller hears of it: it happened, and
	// the answer is lost, or late.
	After = "after"
)

// Operations of WebSockets, which are no calls and are not counted.
const (
	// ClientMessage is a message from a client, before it is passed on.
	ClientMessage = "websocket.ClientMessage"
	// ServerMessage is a message to a client, before it is passed on.
	ServerMessage = "websocket.ServerMessage"
)

// Rule is a fault and the calls that meet it.
type Rule struct {
	// Operation is the name as it is counted, see [Front.Calls], or [ClientMessage] or
	// [ServerMessage], which can only be cut. It is a pattern of [path.Match]: "dynamodb.*".
	Operation string `json:"operation"`
	// Contains are texts that must all be in the call's path or body, or in the message.
	Contains []string `json:"contains,omitempty"`
	// Function is a text in the name of the function that calls; it needs Linux.
	Function string `json:"function,omitempty"`
	// Skip lets so many calls pass first; Count is how many then meet the fault, zero
	// for all.
	Skip  int `json:"skip,omitempty"`
	Count int `json:"count,omitempty"`
	// Probability with which a call meets the fault; zero for always. It is drawn from
	// Seed, so that the same calls in the same order meet the same faults.
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`

	Fault string `json:"fault"`
	// When is Before or After; Before if it is empty. Errors are always before.
	When string `json:"when,omitempty"`
	// Status and Code are an error's: 500 and InternalServerError if they are zero.
	Status  int    `json:"status,omitempty"`
	Code    string `json:"code,omitempty"`
	DelayMS int    `json:"delay_ms,omitempty"`
}

func (r Rule) validate() error {
	if _, err := path.Match(r.Operation, ""); err != nil || r.Operation == "" {
		return fmt.Errorf("operation: %q is no pattern", r.Operation)
	}
	switch r.Fault {
	case FaultError, FaultThrottle, FaultDelay, FaultReset, FaultCut:
	case FaultKill, FaultStop:
		if !findsCallers {
			return fmt.Errorf("fault: %s needs Linux, where the process behind a connection can be found", r.Fault)
		}
	default:
		return fmt.Errorf("fault: %q is none", r.Fault)
	}
	if r.Function != "" && !findsCallers {
		return errors.New("function: needs Linux, where the process behind a connection can be found")
	}
	if socket := strings.HasPrefix(r.Operation, "websocket."); socket != (r.Fault == FaultCut) {
		return fmt.Errorf("fault: %s of %s: WebSockets are cut, and only they are", r.Fault, r.Operation)
	}
	switch {
	case r.When != "" && r.When != Before && r.When != After:
		return fmt.Errorf("when: %q is neither %s nor %s", r.When, Before, After)
	case r.When == After && (r.Fault == FaultError || r.Fault == FaultThrottle || r.Fault == FaultCut):
		return fmt.Errorf("when: %s is before", r.Fault)
	case r.Probability < 0 || r.Probability > 1:
		return fmt.Errorf("probability: %v is not 0 to 1", r.Probability)
	case r.Skip < 0 || r.Count < 0 || r.DelayMS < 0:
		return fmt.Errorf("skip, count, delay_ms: less than zero")
	case r.Status != 0 && (r.Status < 400 || r.Status > 599):
		return fmt.Errorf("status: %d is no error", r.Status)
	}
	return nil
}
