// Package streamer is what the author of a handler needs: requests that run as long
// as they must, with progress that a person can watch and that cannot be lost, behind
// an API Gateway WebSocket.
//
// An [Action] is declared once, in a package that the router, the processor and the
// clients can all import:
//
//	var Resize = streamer.Action[ResizeIn, ResizeOut]{Name: "resize", Async: true}
//
// Its [Handler] is bound to it where it runs, so that the router's binary carries none
// of the handler's dependencies:
//
//	func main() {
//		serve.Processor(Resize.Bind(resize))
//	}
//
// A handler gets a [Request] with its decoded and validated payload and a [Reporter].
// Report says how far it is, as often as it likes; Complete ends the request with its
// result.
//
// Work that no function should do is handed over, with [HandOver], to a container or
// whatever else can run package remote.
//
// Work that outlives one function saves its state with [Checkpoint] and goes on from
// there, with [Restore], in a fresh invocation, for days if it must. [Once] keeps the
// result of an effect, so that another attempt need not have it again. What a handler
// returns decides whether there is another attempt: see [Handler], [Retryable] and
// [Permanent].
//
// # Traces
//
// Where a request is traced, a handler's context has its span, as OpenTelemetry's
// trace.SpanFromContext finds it: attributes, errors and spans of the handler's own, or of
// clients that are made for OpenTelemetry, are part of the trace that AWS X-Ray shows. Where
// it is not traced, the same calls do nothing.
//
// # Promise
//
// Accepted means exactly one terminal state, within the request's deadline. A handler
// runs at least once: give the request's id to other systems as an idempotency key.
// Streamer's own tables change exactly once. Progress is newest-wins, ordered by seq.
// A terminal frame reaches every watcher that is connected, or on its next subscribe.
//
// # Design
//
// The package imports the standard library and protocol, nothing else: what a handler
// stands on must not grow with what Streamer stands on.
package streamer
