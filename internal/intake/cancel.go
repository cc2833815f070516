package intake

import (
	"context"
	"errors"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// cancelTries is how often a request that moves is looked at again.
const cancelTries = 5

// Cancel ends a request of a user's own that waits, and asks one that runs to stop. The
// row is what came of it. ended says that this call ended it, and that nobody was told yet.
func (d Desk) Cancel(ctx context.Context, key lifecycle.Key, user string) (row lifecycle.Row, ended bool, err error) {
	for range cancelTries {
		row, err := d.Own(ctx, key, user)
		if err != nil {
			return row, false, err
		}
		now := d.Clock.Now()
		u, possible := lifecycle.Cancel(row, now)
		if !possible {
			return row, false, nil
		}
		if d.Mute && row.Status != protocol.Processing {
			u = lifecycle.Notify(u)
		}
		before := row.Fence
		row, err = d.Requests.Update(ctx, key, u)
		if moved, refused := errors.AsType[*store.RefusedError](err); refused {
			// A write that was repeated after its answer had been lost finds its own work.
			row = moved.Row
			if row.Status != protocol.Cancelled || row.Fence != before+1 || row.EndedAt != now.UnixMilli() {
				continue
			}
			err = nil
		}
		if err != nil {
			return row, false, err
		}
		if ended = row.Status.Terminal(); ended {
			d.Metrics.Add(contract.MetricCancelled, metric.Labels{Action: row.Action, Tenant: row.Key().Tenant}, 1)
		}
		return row, ended, nil
	}
	return row, false, &streamer.Error{Code: protocol.Unavailable, Message: "the request moves too fast to be cancelled: try again", Retryable: true}
}
