package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pay-theory/streamer/functions/serve/outside"
	"github.com/pay-theory/streamer/functions/serve/process"
	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/connection"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/limits"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/store"
)

var (
	tables  outside.Client[dynamodb.Client]
	buckets outside.Client[s3.Client]
)

func tableClient() *dynamodb.Client {
	return tables.Get(func() *dynamodb.Client { return dynamodb.NewFromConfig(outside.Config()) })
}

func bucketClient() *s3.Client {
	return buckets.Get(func() *s3.Client { return s3.NewFromConfig(outside.Config()) })
}

func requests() store.DynamoRequests {
	return store.DynamoRequests{Client: tableClient(), Table: process.Need(contract.EnvRequestsTable)}
}

func connections() store.DynamoConnections {
	return store.DynamoConnections{Client: tableClient(), Table: process.Need(contract.EnvConnectionsTable)}
}

func bucket() files.Bucket {
	return files.Bucket{Client: bucketClient(), Name: process.Need(contract.EnvFilesBucket)}
}

// gateway is at the endpoint that the SDK reads from contract.EnvCallbackEndpoint.
func gateway() *apigatewaymanagementapi.Client {
	process.Need(contract.EnvCallbackEndpoint)
	return apigatewaymanagementapi.NewFromConfig(outside.Config())
}

func manager() *connection.Manager {
	return &connection.Manager{Poster: gateway(), Forget: connections(), Metrics: process.Metrics(), Log: process.Logger()}
}

func closer() connection.Closer {
	return connection.Closer{Ender: gateway(), Forget: connections()}
}

// records is where the audit log goes: beside the function's own, or nowhere.
func records() audit.Log {
	audited, err := audited(os.Getenv(contract.EnvAudit))
	if err != nil {
		process.Fatal(err)
	}
	if !audited {
		return audit.Log{}
	}
	return audit.To(os.Stderr)
}

// audited reads contract.EnvAudit. A value that is not understood must not mean no.
func audited(text string) (bool, error) {
	switch text {
	case "":
		return false, nil
	case contract.Audited:
		return true, nil
	}
	return false, fmt.Errorf("environment variable %s is %q: %q, or not set", contract.EnvAudit, text, contract.Audited)
}

// Default clocks of the engine.
var defaultClocks = executor.Clocks{
	Clocks: progress.Clocks{
		Lease:     contract.DefaultLeaseMS * time.Millisecond,
		Pulse:     contract.DefaultPulseMS * time.Millisecond,
		PulseIdle: contract.DefaultPulseIdleMS * time.Millisecond,
		Interval:  contract.DefaultProgressMS * time.Millisecond,
	},
	Visibility: contract.DefaultVisibilityMS * time.Millisecond,
}

// maxClock is the longest time that SQS keeps a message invisible (Amazon SQS developer
// guide, "Amazon SQS visibility timeout"), and bounds all the others too.
const maxClock = 12 * time.Hour

// clocks reads contract.EnvClocks.
func clocks(text string) (executor.Clocks, error) {
	c := defaultClocks
	if text == "" {
		return c, nil
	}
	var ms struct {
		Lease      *int64 `json:"lease"`
		Visibility *int64 `json:"visibility"`
		Pulse      *int64 `json:"pulse"`
		PulseIdle  *int64 `json:"pulse_idle"`
		Progress   *int64 `json:"progress"`
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&ms); err != nil {
		return c, fmt.Errorf("environment variable %s: %w", contract.EnvClocks, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("environment variable %s: more than one JSON value: %s", contract.EnvClocks, text)
	}
	for _, set := range []struct {
		name string
		ms   *int64
		to   *time.Duration
	}{
		{"lease", ms.Lease, &c.Lease}, {"visibility", ms.Visibility, &c.Visibility}, {"pulse", ms.Pulse, &c.Pulse},
		{"pulse_idle", ms.PulseIdle, &c.PulseIdle}, {"progress", ms.Progress, &c.Interval},
	} {
		if set.ms == nil {
			continue
		}
		if *set.ms <= 0 || *set.ms > maxClock.Milliseconds() {
			return c, fmt.Errorf("environment variable %s: %s is %d: 1 to %d milliseconds", contract.EnvClocks, set.name, *set.ms, maxClock.Milliseconds())
		}
		*set.to = time.Duration(*set.ms) * time.Millisecond
	}
	switch {
	case c.PulseIdle < c.Pulse:
		return c, fmt.Errorf("environment variable %s: pulse_idle is %s: at least pulse, which is %s", contract.EnvClocks, c.PulseIdle, c.Pulse)
	case c.Lease <= c.PulseIdle:
		return c, fmt.Errorf("environment variable %s: lease is %s: over pulse_idle, which is %s", contract.EnvClocks, c.Lease, c.PulseIdle)
	case c.Visibility <= c.Lease:
		return c, fmt.Errorf("environment variable %s: visibility is %s: over lease, which is %s", contract.EnvClocks, c.Visibility, c.Lease)
	}
	return c, nil
}

// allowances reads contract.EnvLimits, nil if it is not set.
func allowances(text string) (*contract.Limits, error) {
	if text == "" {
		return nil, nil
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields() // a limit that is misspelled would be none
	allowed := &contract.Limits{}
	if err := dec.Decode(allowed); err != nil {
		return nil, fmt.Errorf("environment variable %s: %w", contract.EnvLimits, err)
	}
	return allowed, nil
}

// gate keeps the limits, nil if there are none.
func gate(allowed *contract.Limits) *limits.Gate {
	if allowed == nil {
		return nil
	}
	return &limits.Gate{Limits: *allowed, Ledgers: requests(), Connections: connections(), Clock: clock.System{}}
}

// iam reads contract.EnvIAM, nil if it is not set.
func iam(text string) (*contract.IAM, error) {
	if text == "" {
		return nil, nil
	}
	signed := &contract.IAM{}
	if err := json.Unmarshal([]byte(text), signed); err != nil {
		return nil, fmt.Errorf("environment variable %s: %w", contract.EnvIAM, err)
	}
	return signed, nil
}
