package outside

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/pay-theory/streamer/functions/serve/process"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/tracing/xray"
)

// Traces reads contract.EnvTracing; its zero value if it is not set.
var Traces = sync.OnceValue(func() contract.Tracing {
	t, err := traced(os.Getenv(contract.EnvTracing))
	if err != nil {
		process.Fatal(err)
	}
	return t
})

func traced(text string) (t contract.Tracing, err error) {
	if text == "" {
		return t, nil
	}
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return t, fmt.Errorf("environment variable %s: %w", contract.EnvTracing, err)
	}
	if t.Percent < 0 || t.Percent > 100 {
		return t, fmt.Errorf("environment variable %s: percent is %g: 0 to 100", contract.EnvTracing, t.Percent)
	}
	return t, nil
}

// Tracer is the process's own, nil if nothing is traced. What a handler uses that is made for
// OpenTelemetry, an AWS or HTTP client that traces its calls, finds the same.
var Tracer = sync.OnceValue(func() trace.Tracer {
	if os.Getenv(contract.EnvTracing) == "" {
		return nil
	}
	daemon := Traces().Daemon
	if daemon == "" {
		daemon = os.Getenv(contract.EnvXRayDaemon)
	}
	if daemon == "" {
		return nil // Lambda runs none: the function's own tracing was switched off by hand
	}
	provider, err := xray.New(daemon, os.Getenv(contract.EnvFunctionName))
	if err != nil {
		process.Fatal(err)
	}
	otel.SetTracerProvider(provider)
	return provider.Tracer(tracing.Scope)
})
