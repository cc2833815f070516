package front

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"
)

// connectionHeader is where the emulator's answer to a handshake has the connection's id.
const connectionHeader = "X-Stage-Connection-Id"

// errAnswered says that the front has answered a message, which goes no further.
var errAnswered = errors.New("answered")

// throttle tells which messages are within a rate: a token bucket, full at first. It is
// not safe for concurrent use.
type throttle struct {
	rate, burst float64 // per second, and at once
	tokens      float64
	at          time.Time // when tokens was true
}

func newThrottle(l Limits, now time.Time) *throttle {
	return &throttle{rate: float64(l.Rate), burst: float64(l.Burst), tokens: float64(l.Burst), at: now}
}

// allow counts a message and tells whether it is within the rate.
func (t *throttle) allow(now time.Time) bool {
	t.tokens = min(t.burst, t.tokens+t.rate*now.Sub(t.at).Seconds())
	t.at = now
	if t.tokens < 1 {
		return false
	}
	t.tokens--
	return true
}

// tooManyRequests is API Gateway's answer to a message over the rate. It does not say
// which one it answers.
func tooManyRequests(connectionID string) []byte {
	frame, err := json.Marshal(map[string]string{
		"message": "Too Many Requests", "connectionId": connectionID, "requestId": rand.Text(),
	})
	if err != nil {
		panic(err) // strings can be written
	}
	return frame
}
