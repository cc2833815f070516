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
// The authorizer's and the dispatcher's are packages of their own beneath, so that they link no
// client that they do not use. Nothing else that runs in Lambda reads the environment. Whatever
// is missing or wrong is fatal at the start.
package serve

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/processor"
	"github.com/pay-theory/streamer/functions/reconciler"
	"github.com/pay-theory/streamer/functions/router"
	"github.com/pay-theory/streamer/functions/serve/outside"
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
	if err := declared(outside.Workers(), registry); err != nil {
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
		Clock: clock.System{}, NewID: intake.NewID, IAM: signed, Gate: gate(allowed), Door: tracing.Door{Tracer: outside.Tracer(), Percent: outside.Traces().Percent},
		Audit: records(), Metrics: process.Metrics(), Log: process.Logger(),
	}
	process.Start(r.Handle, probeRequests(requests()), probeByUser(requests()), probeConnections(connections()), probeFiles(bucket()))
}

// Processor serves a work queue. It takes the async actions that are its own, bound:
// those of its worker, or of a Streamer without workers all; others are allowed and have
// nothing to do here.
func Processor(entries ...streamer.Entry) {
	registry, all, name := register(entries), outside.Workers(), os.Getenv(contract.EnvWorker)
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
			Requests: requests(), Files: bucket(), Connections: manager(), Queue: outside.WorkQueue(),
			Stage: ticket.Stage{
				ConnectionsTable: process.Need(contract.EnvConnectionsTable), RequestsTable: process.Need(contract.EnvRequestsTable),
				FilesBucket: process.Need(contract.EnvFilesBucket), CallbackURL: process.Need(contract.EnvCallbackEndpoint),
			},
			Clock: clock.System{}, Clocks: times, Random: rand.Float64, Tracer: outside.Tracer(), Audit: records(), Metrics: process.Metrics(), Log: process.Logger(),
		},
		Metrics: process.Metrics(), Log: process.Logger(),
	}
	process.Start(p.Handle, probeRequests(requests()), probeFiles(bucket()))
}

// Reconciler serves the five-minute schedule.
func Reconciler() {
	r := reconciler.Reconciler{
		Requests: requests(), Connections: connections(), Closer: closer(), Queue: outside.Hints(),
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
