package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/intake"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/view"
)

// Config says where a Streamer is.
type Config struct {
	// AWS has the region and the credentials, as package config of the AWS SDK loads them.
	AWS aws.Config
	// RequestsTable and FilesBucket are the stack's outputs RequestsTableName and
	// FilesBucketName, or StreamerConstruct.Requests.TableName() and Files.BucketName().
	RequestsTable string
	FilesBucket   string
	// Metrics is where Streamer's own metrics of what this program submits and cancels are
	// written, as CloudWatch embedded metrics, a line after each call: os.Stdout in a
	// function, and in a container whose log goes to CloudWatch Logs. Nil: they are not
	// measured, and the dashboard shows less accepted than completed.
	Metrics io.Writer
	// Audit is where a record of each submission, look, cancel and result goes, a line of
	// JSON as StreamerConstruct's audit log has it: os.Stdout for the program's own log. Nil:
	// nowhere. They are in nobody else's log, as none of Streamer's functions is asked.
	Audit io.Writer
	// Logger hears of metrics that could not be written. Defaults to none.
	Logger *slog.Logger
}

func (c Config) validate() error {
	switch {
	case c.AWS.Region == "":
		return errors.New("Config.AWS has no region: load it with package config of the AWS SDK, or set it")
	case c.RequestsTable == "":
		return errors.New("Config.RequestsTable is empty: give the stack's output RequestsTableName")
	case c.FilesBucket == "":
		return errors.New("Config.FilesBucket is empty: give the stack's output FilesBucketName")
	}
	return nil
}

// Backend is a Streamer as a program of the same account reaches it. It is safe for
// concurrent use, and needs no closing.
type Backend struct {
	actions *streamer.Registry
	desk    intake.Desk
	files   documents
	audit   audit.Log
	flush   func(context.Context)
}

// documents are what is too large for a table.
type documents interface {
	intake.Files
	view.Linker
	Document(ctx context.Context, key string, hash []byte) ([]byte, error)
}

// New makes a Backend that submits the given actions, which the Streamer's router must have
// too. No call is made. An error names the field or the action that is wrong.
func New(c Config, actions ...streamer.Entry) (*Backend, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("backend: %w", err)
	}
	registry, err := streamer.NewRegistry(actions...)
	if err != nil {
		return nil, fmt.Errorf("backend: %w", err)
	}
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	metrics, flush := metric.To(c.Metrics, c.RequestsTable, log)
	bucket := files.Bucket{Client: s3.NewFromConfig(c.AWS), Name: c.FilesBucket}
	return &Backend{
		actions: registry, files: bucket, audit: audit.To(c.Audit), flush: flush,
		desk: intake.Desk{
			Requests: store.DynamoRequests{Client: dynamodb.NewFromConfig(c.AWS), Table: c.RequestsTable}, Files: bucket,
			Clock: clock.System{}, NewID: intake.NewID, Metrics: metrics, Mute: true,
		},
	}, nil
}

// As is the Backend for one user of one tenant, who must be a name that a token could have
// brought: a tenant of 1 to 64 letters, digits and . _ @ : -, a user of 1 to 128 bytes
// without control characters. Any other is an error of each call.
func (b *Backend) As(tenant, user string) *Client {
	return &Client{backend: b, tenant: tenant, user: user}
}
