// Package client talks to a Streamer stage: it sends requests over one WebSocket, waits
// for the quick ones, and follows the long ones until their result arrives.
//
//	c, err := client.Dial(ctx, "wss://abc.execute-api.eu-central-1.amazonaws.com/v1", &client.Options{
//		Token: client.StaticToken(jwt),
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
// without.
//
// # Errors
//
//   - [*Error] is what the stage says: a message it refuses, a request that failed or
//     was cancelled. Its Code is one of the protocol's or a handler's own.
//   - [*HandshakeError] is a connection that the stage refuses.
//   - [ErrDisconnected] is a connection that ended, [ErrNoAnswer] a message that nobody
//     answered. Either leaves open whether the message arrived: send it again with the
//     same [SubmitOptions.IdempotencyKey] and it cannot count twice.
//   - The caller's own context, as ctx.Err().
//
// # What the connection costs and keeps
//
// A client is one connection and two goroutines, however many requests it follows. What
// it keeps of a request is its newest state, until the request ends. A client pings often
// enough that API Gateway does not find the connection idle (10 minutes); API Gateway
// closes every connection after 2 hours, and this package does not yet connect again:
// every Run then fails with [ErrDisconnected], the requests themselves go on, and a new
// client's [Watch] takes each up by its id.
//
// # Design
//
// Frames are dispatched by the one goroutine that reads: answers by the message's id,
// frames of a request by its id, or by the submitter's ref as long as only that is known.
// A frame whose seq is not above the last of its request is dropped, so frames may come
// twice, late, in any order, and before the answer that says the request is accepted.
// Message ids begin with a name that is new for each client: a ref may be another
// client's.
//
// Reconnecting belongs in here and needs no other API: Options.Token is asked at each
// handshake, and neither Run nor Update knows a connection. What changes when it comes is
// when ErrDisconnected is returned, which will be: once the client gives up.
package client
