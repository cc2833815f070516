// Package process has what every function's process has: its log, its metrics, its environment,
// and its start. It knows no service of AWS's but Lambda, so that a function that uses none
// links none: each client's package costs time at every cold start.
package process

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/logging"
	"github.com/pay-theory/streamer/internal/metric"
)

// Logger is the whole process's. Package slog's own functions write to it too, so that what
// a handler logs says which request it is about.
var Logger = sync.OnceValue(func() *slog.Logger {
	log := logging.New(os.Stderr)
	slog.SetDefault(log)
	return log
})

// Fatal ends the process: a function that cannot work must fail its deployment's first
// call, not each request in turn.
func Fatal(err error) {
	Logger().Error("function does not start", "error", err)
	os.Exit(1)
}

// Need returns an environment variable that the function cannot work without.
func Need(name string) string {
	v := os.Getenv(name)
	if v == "" {
		Fatal(fmt.Errorf("environment variable %s is not set: the constructs set it", name))
	}
	return v
}

// Metrics is one for the whole process, so that what any part of an invocation measured
// is written at its end.
var Metrics = sync.OnceValue(func() *metric.Embedded {
	return &metric.Embedded{
		Service: Need(contract.EnvRequestsTable), Tenants: strings.Fields(os.Getenv(contract.EnvMeteredTenants)), Out: os.Stdout,
	}
})
