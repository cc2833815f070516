// Package connection posts frames to WebSocket connections, remembers which of them are
// gone, and ends them.
package connection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/protocol"
)

// goneMemory is how many gone connections are remembered. Ids are never used again, so
// forgetting them costs one post each.
const goneMemory = 1000

// Poster is the call of API Gateway's management API that sends a frame.
type Poster interface {
	PostToConnection(ctx context.Context, in *apigatewaymanagementapi.PostToConnectionInput, opts ...func(*apigatewaymanagementapi.Options)) (*apigatewaymanagementapi.PostToConnectionOutput, error)
}

// Forgetter drops what is stored of a connection.
type Forgetter interface {
	Delete(ctx context.Context, connectionID string) error
}

// Manager is the streamer.ConnectionManager over API Gateway. It is safe for concurrent
// use.
type Manager struct {
	Poster  Poster
	Forget  Forgetter
	Metrics metric.Recorder
	Log     *slog.Logger

	mu   sync.Mutex
	gone map[string]bool
}

var _ streamer.ConnectionManager = (*Manager)(nil)

// Send implements streamer.ConnectionManager. It makes one call and never repeats it:
// whoever sends knows whether the frame is still worth it. A connection that turns out
// to be gone is forgotten in the table too.
func (m *Manager) Send(ctx context.Context, connectionID string, frame protocol.Frame) error {
	if !m.IsActive(connectionID) {
		return streamer.ErrGone
	}
	data, err := protocol.Encode(frame)
	if err != nil {
		return fmt.Errorf("post to connection: %w", err)
	}
	_, err = m.Poster.PostToConnection(ctx,
		&apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &connectionID, Data: data},
		func(o *apigatewaymanagementapi.Options) { o.Retryer = aws.NopRetryer{} })
	err = classify("post to connection", err)
	switch {
	case err == nil:
		m.count(contract.MetricPosts)
	case errors.Is(err, streamer.ErrGone):
		m.count(contract.MetricGone)
		if !m.remember(connectionID) {
			break // another post found it gone at the same time
		}
		if err := m.Forget.Delete(ctx, connectionID); err != nil {
			m.Log.WarnContext(ctx, "gone connection stays until its time to live", "connection", connectionID, "error", err)
		}
	case errors.Is(err, streamer.ErrDenied):
		m.count(contract.MetricPostDenied)
		m.Log.ErrorContext(ctx, "post denied: this function's role lacks execute-api:ManageConnections", "error", err)
	case errors.Is(err, streamer.ErrTooLarge):
		m.count(contract.MetricPostTooLarge)
		m.Log.ErrorContext(ctx, "post too large", "type", frame.Type(), "bytes", len(data))
	case errors.Is(err, streamer.ErrThrottled):
		m.count(contract.MetricPostThrottled)
	default:
		m.count(contract.MetricPostFailed)
	}
	return err
}

func (m *Manager) count(what contract.Metric) { m.Metrics.Add(what, metric.Labels{}, 1) }

// IsActive implements streamer.ConnectionManager.
func (m *Manager) IsActive(connectionID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.gone[connectionID]
}

// remember reports whether it was not known yet that the connection is gone.
func (m *Manager) remember(connectionID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone[connectionID] {
		return false
	}
	if m.gone == nil || len(m.gone) >= goneMemory {
		m.gone = map[string]bool{}
	}
	m.gone[connectionID] = true
	return true
}

// classify says what an answer of the management API means.
func classify(call string, err error) error {
	if err == nil {
		return nil
	}
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok {
		return fmt.Errorf("%s: %w", call, err)
	}
	switch answer.HTTPStatusCode() {
	case http.StatusGone:
		return streamer.ErrGone
	case http.StatusTooManyRequests:
		return streamer.ErrThrottled
	case http.StatusForbidden:
		return fmt.Errorf("%w: %w", streamer.ErrDenied, err)
	case http.StatusRequestEntityTooLarge:
		return streamer.ErrTooLarge
	}
	return fmt.Errorf("%s: %w", call, err)
}
