// Package serve turns the environment that the constructs set into a running function.
// Each of Streamer's functions is one call here; a team that has handlers of its own
// writes two mains:
//
//	func main() { serve.Router(actions.Resize) }                          // the router
//	func main() { serve.Processor(actions.Resize.Bind(resize.Handle)) }   // the processor
//
// A worker's processor (constructs.WorkerProps) may be the same program, or one of its own
// that binds the worker's actions and no others.
//
// The authorizer's is package serve/authorizer, so that it links nothing of the others.
// Nothing else that runs in Lambda reads the environment. Whatever is missing or wrong is
// fatal at the start.
//
// # Design
//
// The other functions share this package, and link the clients of DynamoDB and S3 whether they
// call them or not. It is the dispatcher alone that does not: by itself it would start in a
// sixth less time, 6.7 ms of 8.0 where that was measured, and its package be 0.14 MB of 3.7
// smaller. No client waits for its start alone, and configuration, queues and traces would need
// packages of their own for it, so it stays.
package serve

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/dispatcher"
	"github.com/pay-theory/streamer/functions/processor"
	"github.com/pay-theory/streamer/functions/reconciler"
	"github.com/pay-theory/streamer/functions/router"
	"github.com/pay-theory/streamer/functions/serve/process"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/intake"
	"github.com/pay-theory/streamer/internal/ticket"
	"github.com/pay-theory/streamer/internal/tracing"
)

// Router serves the WebSocket. It takes every action: the sync ones bound, the async
// ones as they are declared. It does not start if a worker is to do an action that is not
// among these.
func Router(entries ...streamer.Entry) {
	registry := register(entries)
	if names := registry.Unbound(false); len(names) > 0 {
		process.Fatal(fmt.Errorf("sync actions without a handler in the router: %s", strings.Join(names, ", ")))
	}
	if err := declared(workers(), registry); err != nil {
		process.Fatal(err)
	}
	signed, err := iam(os.Getenv(contract.EnvIAM))
	if err != nil {
		process.Fatal(err)
	}
	allowed, err := allowances(os.Getenv(contract.EnvLimits))
	if err != nil {
		process.Fatal(err)
	}
	r := &router.Router{
		Registry: registry, Requests: requests(), Connections: connections(), Manager: manager(), Files: bucket(),
		Clock: clock.System{}, NewID: intake.NewID, IAM: signed, Gate: gate(allowed), Door: tracing.Door{Tracer: tracer(), Percent: traces().Percent},
		Audit: records(), Metrics: process.Metrics(), Log: process.Logger(),
	}
	process.Start(r.Handle, probeRequests(requests()), probeByUser(requests()), probeConnections(connections()), probeFiles(bucket()))
}

// Processor serves a work queue. It takes the async actions that are its own, bound:
// those of its worker, or of a Streamer without workers all; others are allowed and have
// nothing to do here.
func Processor(entries ...streamer.Entry) {
	registry, all, name := register(entries), workers(), os.Getenv(contract.EnvWorker)
	if err := bound(all, name, registry); err != nil {
		process.Fatal(err)
	}
	times, err := clocks(os.Getenv(contract.EnvClocks))
	if err != nil {
		process.Fatal(err)
	}
	p := processor.Processor{
		Executor: &executor.Executor{
			Registry: registry, Elsewhere: func(action string) bool { return all.Of(action) != name },
			Requests: requests(), Files: bucket(), Connections: manager(), Queue: workQueue(),
			Stage: ticket.Stage{
				ConnectionsTable: process.Need(contract.EnvConnectionsTable), RequestsTable: process.Need(contract.EnvRequestsTable),
				FilesBucket: process.Need(contract.EnvFilesBucket), CallbackURL: process.Need(contract.EnvCallbackEndpoint),
			},
			Clock: clock.System{}, Clocks: times, Random: rand.Float64, Tracer: tracer(), Audit: records(), Metrics: process.Metrics(), Log: process.Logger(),
		},
		Metrics: process.Metrics(), Log: process.Logger(),
	}
	process.Start(p.Handle, probeRequests(requests()), probeFiles(bucket()))
}

// Dispatcher serves the requests stream.
func Dispatcher() {
	d := dispatcher.Dispatcher{Queue: hints(), Metrics: process.Metrics(), Log: process.Logger()}
	process.Start(d.Handle)
}

// Reconciler serves the five-minute schedule.
func Reconciler() {
	r := reconciler.Reconciler{
		Requests: requests(), Connections: connections(), Closer: closer(), Queue: hints(),
		Clock: clock.System{}, Metrics: process.Metrics(), Log: process.Logger(),
	}
	process.Start(r.Handle, probeRequests(requests()), probeOpen(requests()))
}

// History reads the requests that tenants made here. The function needs to be granted it:
// StreamerConstruct.GrantReadRequests.
func History() streamer.History { return requests() }

func register(entries []streamer.Entry) *streamer.Registry {
	registry, err := streamer.NewRegistry(entries...)
	if err != nil {
		process.Fatal(err)
	}
	return registry
}
