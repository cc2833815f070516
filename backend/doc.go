// Package backend submits requests, watches and cancels them from Go programs of the same
// AWS account, a function, a container, a machine, without a WebSocket: with IAM rights
// on the tables in place of a token, on behalf of a tenant and a user that the program
// names.
//
//	b, err := backend.New(backend.Config{AWS: cfg, RequestsTable: table, FilesBucket: bucket}, actions.Resize)
//	if err != nil { … }
//	run, err := backend.Submit(ctx, b.As("acme", "ann"), actions.Resize, in, &backend.SubmitOptions{IdempotencyKey: "order 42"})
//	if err != nil { … }
//	for state, err := range run.Updates(ctx) {
//		if err != nil { … }
//		fmt.Printf("%3.0f %%  %s\n", state.Percentage, state.Message)
//	}
//	out, err := run.Result(ctx)
//
// It looks like package client, and what it says of a request is what a client on the
// socket would be told: the user sees the request there too, may watch and cancel it, and
// gets the same request for the same idempotency key, whichever way it comes in. (A payload
// is the same if its JSON is, written without spaces: members in the same order, numbers in
// the same digits.)
//
// The names that Config wants are outputs of the stack, and the program's role is given its
// rights by StreamerConstruct.GrantSubmit. Whoever has them may act for every user of every
// tenant: it is for this program to know whom it acts for.
//
// # Errors
//
// A [*streamer.Error] is what a client would be told, with the same codes: a submission
// that is refused (UNKNOWN_ACTION, INVALID_PAYLOAD, IDEMPOTENCY_MISMATCH, BAD_MESSAGE,
// MESSAGE_TOO_LARGE), a request that is not this user's (NOT_FOUND), one that failed. Any
// other error says that a call to AWS failed; then a submission may have had its effect,
// and with the same idempotency key it cannot count twice.
//
// # Design
//
// Submitting is the router's own conditional put, by the same code (internal/intake), so
// there is nothing that a request could be told apart by afterwards, and no call to a
// function. Who watches reads the row, again and again, and less often the longer nothing
// happens: a row changes at most once a pulse (2 seconds), so there is nothing to be gained
// from a connection here. For every frame as it comes, connect with package client.
package backend
