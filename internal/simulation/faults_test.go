package simulation

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pay-theory/streamer/internal/contract"
)

// fate is what becomes of a call.
type fate int

const (
	fine           fate = iota
	slow                // it arrives late
	late                // its answer does
	failed              // it is refused, or throttled
	doneButFailed       // it happened, but looks failed
	hangs               // it never arrives
	doneButHangs        // its answer never does
	crashes             // the process dies before it
	doneAndCrashes      // and after it
	freezes             // the process stands still before it
	doneAndFreezes      // and after it
	fates
)

// String is for the coverage.
func (f fate) String() string { return fateNames[f] }

var fateNames = []string{
	"fine", "slow", "late", "failed", "done-but-failed", "hangs", "done-but-hangs", "crash", "done-and-crash", "freeze", "done-and-freeze",
}

// plan is what goes wrong in a world, and how often.
type plan struct {
	// In quiet worlds nothing fails, though some things come twice: there, requests end
	// as their handlers say.
	quiet bool
	// faults is how long there are any.
	faults time.Duration
	odds   [fates]float64

	// skew is how far a machine's clock may be off.
	skew time.Duration

	recordLost, recordTwice float64
	messageTwice            float64 // is delivered again while it is worked on
	deleteLost              float64
	staleDelete             float64 // deleting with an old handle works
	staleHold               float64 // and so does holding
	disconnects             float64
	noDisconnectEvent       float64
	cancels                 float64
	misplaced               float64 // a hint lies in the queue of another worker
	indexLag                float64 // the index is late by seconds or minutes
	clientFiles             float64 // what clients do with S3 themselves fails

	// twice is a world that lives again after a week.
	twice bool
	// lax is an S3 that does not check what is uploaded.
	lax bool
	// bare messages come without what the authorizer said.
	bare bool
	// tokens is how long they last.
	tokens time.Duration
	// limits are what users and tenants may have at once.
	limits contract.Limits
}

// newPlan rolls which faults there are at all, and then how often each.
func newPlan(dice *rand.Rand) plan {
	p := plan{faults: between(dice, 3*time.Minute, 15*time.Minute), tokens: 100 * 24 * time.Hour}
	if dice.IntN(12) == 0 {
		p.hush()
		return p
	}
	scale := []float64{0.3, 1, 1, 3}[dice.IntN(4)]
	some := func(odds float64) float64 {
		if dice.IntN(3) == 0 {
			return 0
		}
		return min(odds*scale*(0.5+dice.Float64()), 0.5)
	}
	for f, odds := range [fates]float64{
		slow: 0.02, late: 0.02, failed: 0.02, doneButFailed: 0.02, hangs: 0.005, doneButHangs: 0.01,
		crashes: 0.006, doneAndCrashes: 0.01, freezes: 0.004, doneAndFreezes: 0.006,
	} {
		if odds > 0 {
			p.odds[f] = some(odds)
		}
	}
	p.recordLost, p.recordTwice = some(0.1), some(0.2)
	p.messageTwice, p.deleteLost = some(0.1), some(0.1)
	p.staleDelete, p.staleHold = some(0.3), some(0.5)
	p.disconnects, p.noDisconnectEvent = some(0.4), some(0.3)
	p.cancels, p.clientFiles, p.indexLag = some(0.2), some(0.2), some(0.3)
	p.twice = dice.IntN(8) == 0
	p.lax, p.bare = dice.IntN(2) == 0, dice.IntN(6) == 0
	if dice.IntN(6) == 0 {
		p.tokens = between(dice, 2*time.Minute, 10*time.Minute)
	}
	if dice.IntN(3) == 0 {
		p.skew = 2 * time.Second
	}
	p.misplaced = some(0.1)
	if dice.IntN(6) == 0 {
		p.limit(1+dice.IntN(3), 2+dice.IntN(3))
	}
	return p
}

// live has the world live twice.
func (p *plan) live() { p.twice = true }

// limit lets each user, and each tenant, have so many open requests.
func (p *plan) limit(user, tenant int) {
	p.limits = contract.Limits{User: contract.Allowance{Requests: user}, Tenant: contract.Allowance{Requests: tenant}}
}

// hush leaves nothing but doubles.
func (p *plan) hush() {
	*p = plan{quiet: true, faults: p.faults, tokens: p.tokens, messageTwice: 0.3, recordTwice: 0.3, misplaced: 0.1}
}

// fate rolls what becomes of a call. What a call goes to bounds what can happen to it.
func (p plan) fate(k kind, dice *rand.Rand) fate {
	roll := dice.Float64()
	for f, odds := range p.odds {
		if roll -= odds; roll >= 0 || odds == 0 {
			continue
		}
		if dies := fate(f) >= crashes; (k == toSleep || k == toReturn) && !dies {
			return fine
		}
		return fate(f)
	}
	return fine
}

// failure is what a call that fails is told.
func (k kind) failure(dice *rand.Rand) error {
	if k != toPost {
		return errNoAnswer
	}
	switch dice.IntN(3) {
	case 0:
		return status(http.StatusTooManyRequests)
	case 1:
		return status(http.StatusInternalServerError)
	}
	return errNoAnswer
}

// status is an answer of API Gateway's that is an error.
func status(code int) error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader(""))}},
		Err:      errNoAnswer,
	}
}
