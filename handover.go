package streamer

import (
	"context"
	"fmt"
	"time"
)

// Bounds of how long compute that a request was handed over to may be silent.
const (
	// DefaultSilence leaves a container the time to start.
	DefaultSilence = 5 * time.Minute
	MinSilence     = time.Second
	MaxSilence     = 12 * time.Hour
)

// HandOver makes a ticket for other compute than this function: an ECS task, a Step
// Functions execution, a machine. A handler starts that compute, gives it the ticket, and
// returns nil without having completed its request; whoever has the ticket then goes on
// with the attempt, with package remote or its command:
//
//	func transcode(ctx context.Context, req *streamer.Request[In], r streamer.Reporter[Out]) error {
//		ticket, err := streamer.HandOver(ctx, 0)
//		if err != nil {
//			return err
//		}
//		_, err = tasks.RunTask(ctx, … "STREAMER_TICKET", ticket …)
//		return err
//	}
//
// The ticket is text without spaces, of about 700 bytes, fit for an environment variable, a
// command line or JSON. It says where this Streamer is and which attempt it is good for, and
// gives no rights: the compute needs those of StreamerConstruct.GrantReport. Ticket and
// request belong together, so do not log it, nor give it to a client.
//
// From when the handler returns, the request is lost if nothing is heard from the compute
// for so long as silence says: zero is DefaultSilence, MinSilence to MaxSilence else. Then
// the reconciler finds it within a few minutes, and the next attempt runs this handler
// anew, or the request is FAILED, ATTEMPTS_EXHAUSTED; whatever still comes from a ticket of
// an earlier attempt is refused. Deadline and cancellation hold as for any other request;
// the action's Timeout bounds this handler alone. An error of the handler counts as always,
// and makes the ticket void unless the compute has begun with it; so does a Complete.
func HandOver(ctx context.Context, silence time.Duration) (ticket string, err error) {
	k, err := keeperOf(ctx)
	if err != nil {
		return "", fmt.Errorf("hand over: %w", err)
	}
	if silence == 0 {
		silence = DefaultSilence
	}
	if silence < MinSilence || silence > MaxSilence {
		return "", fmt.Errorf("hand over: silence is %s: %s to %s", silence, MinSilence, MaxSilence)
	}
	if ticket, err = k.HandOver(silence); err != nil {
		return "", fmt.Errorf("hand over: %w", err)
	}
	return ticket, nil
}
