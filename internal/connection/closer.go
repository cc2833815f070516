package connection

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"

	"github.com/pay-theory/streamer"
)

// Ender is the call of API Gateway's management API that ends a connection.
type Ender interface {
	DeleteConnection(ctx context.Context, in *apigatewaymanagementapi.DeleteConnectionInput, opts ...func(*apigatewaymanagementapi.Options)) (*apigatewaymanagementapi.DeleteConnectionOutput, error)
}

// Closer ends connections from this side. It is safe for concurrent use.
type Closer struct {
	Ender  Ender
	Forget Forgetter
}

// Close ends a connection. The router is told of its end and forgets it then; one that is
// gone already is forgotten here, since nobody may ever have been told. Both are no error.
func (c Closer) Close(ctx context.Context, connectionID string) error {
	_, err := c.Ender.DeleteConnection(ctx, &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: &connectionID})
	err = classify("close connection", err)
	if errors.Is(err, streamer.ErrGone) {
		return c.Forget.Delete(ctx, connectionID)
	}
	return err
}
