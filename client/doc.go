// Package client talks to a Streamer stage over a WebSocket: it sends requests, waits for
// the quick ones, and follows the long ones until their result arrives, however often the
// connection is lost meanwhile.
//
//	c, err := client.Dial(ctx, "wss://abc.execute-api.eu-central-1.amazonaws.com/v1", &client.Options{
//		Token: issuer.Token, // asked for a fresh one before each connection
//	})
//	if err != nil { … }
//	defer c.Close()
//
//	run, err := client.Submit(ctx, c, handlers.GenerateReport, in, nil)
//	if err != nil { … }
//	for update, err := range run.Updates(ctx) {
//		if err != nil { … }
//		fmt.Printf("%3.0f %%  %s\n", update.Percentage, update.Message)
//	}
//	report, err := run.Result(ctx)
//
// [Do] asks a sync action and returns its answer; [Submit] starts an async one and
// returns a [Run]; [Watch] follows a request that was submitted before, from anywhere
// where the same user is signed in. They take the [streamer.Action] that the handler was
// declared with, so payload and result have the handler's own types. [Client.Call] does
// without. [Client.List] finds the user's own requests, [Client.Get] looks at one.
//
// [Dial] is for programs that somebody looks at: its error says at once what is wrong.
// [Connect] is for services: it returns at once, and connects for as long as it takes.
//
// # What a client does by itself
//
//   - It connects again when the connection ends, after a random time that grows (full
//     jitter, 0 to 30 seconds), and has the new one watch every request that is followed.
//   - It asks Options.Token before each handshake, and opens the next connection before
//     the token of the last one runs out, if there is a fresh one by then, and before API
//     Gateway closes the last one, after 2 hours. The last one is closed once the next has
//     taken over.
//   - It pings so that API Gateway does not find the connection idle, after 10 minutes, and
//     finds out that the other side is gone, or that this machine slept.
//   - It sends each message until it is answered: again where the connection ended before,
//     where 35 seconds passed, and where it was refused as one that may succeed later,
//     four times then, or as one too many, as often as it takes. A submission carries an
//     idempotency key, so an async action is not doubled; a sync one, which has no key, may
//     run again.
//   - It drops what comes twice, late and in the wrong order. That a request is accepted,
//     each retry, and its end are each taken once, and no reader of Updates misses them.
//
// [Client.States] tells where it stands, for user interfaces.
//
// # Errors
//
// A request that is followed is never lost: waiting for it ends with its end, with the
// caller's own context as ctx.Err(), and else only with one of these.
//
//   - [*Error] is what the stage says: a message it refuses, a request that failed or
//     was cancelled. Its Code is one of the protocol's or a handler's own, or
//     [CodeUnreachable]; Retryable says whether to try again.
//   - [ErrDisconnected] is a client that has ended: it was closed, gave up after
//     Options.GiveUpAfter, or its token is refused and there is no other, which is a
//     [*HandshakeError] inside. The requests go on.
//   - [ErrDetached] is a Run that was detached.
//
// # What a client costs and keeps
//
// A client is one connection and three goroutines, and one for each message that waits,
// however many requests it follows. It sends 15 messages an hour while there is nothing to
// do, and 60 while something is waited for and nothing comes. What it keeps of a request
// is its newest state, and the few before that no reader may miss, until the request ends
// or every Run of it is detached.
//
// # Design
//
// Each connection has a goroutine that reads and one that watches over it; one goroutine
// connects. A message is sent, and sent again, by the goroutine that waits for its answer,
// so nothing is queued, and a caller that gives up leaves nothing behind.
//
// Frames are dispatched by who reads them: answers by the message's id, frames of a
// request by its id, or by the submitter's ref as long as only that is known. A frame whose
// seq is not above the last of its request is dropped, so frames may come twice, late, in
// any order, over two connections, and before the answer that says the request is
// accepted. An answer that says that the request has ended does not say how, so the message
// waits on for the terminal frame, and is sent again if that is lost. Message ids begin
// with a name that is new for each client: a ref may be another client's.
//
// A handshake that is refused with 401 or 403 may heal with another token, so the client
// ends only when it would have to offer the same one again, or ten in a row were refused.
// Whether a token is static is not asked: it shows.
//
// A connection's age, its token's end and its silence are measured by the wall clock,
// looked at once a minute: timers stand still while a machine sleeps.
//
// Package conformance has the cases that this package and the TypeScript SDK both get
// through.
package client
