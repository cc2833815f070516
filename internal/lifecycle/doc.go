// Package lifecycle decides how a request moves through its life: which transitions
// there are, under which conditions, and what a hint about a request means. It is the
// one place that decides; stores carry its decisions out, functions call them.
//
// # Design
//
// The row is the truth and every message is only a hint. A stream record, a queue
// message or a socket post may be lost, doubled, late or reordered, and nothing breaks,
// because every write after acceptance is an Update with a condition on status and
// fence, and terminal states never change.
//
// A transition is data, not code: an Update names its guards and its changes over the
// row's fields, so that a table in DynamoDB, a table in memory and a model checker all
// run the very same one. Nothing here reads a clock: now is always given.
//
//	          accept             Claim, Resume                Complete
//	(no row) ───────▶ PENDING ───────────────▶ PROCESSING ─────────────▶ COMPLETED
//	                     │  ▲     Continue       │  ▲   │ Fail, End
//	                     │  └────────────────────┤  │   ├───────────────▶ FAILED
//	              cancel │                 Retry │  │   │ Cancelled
//	                     └─────────────┐         ▼  │   └───────────────▶ CANCELLED
//	                                   │      RETRYING                       ▲
//	                                   └─────────┴───────────────────────────┘
//
// A request whose worker let its lease run out stays PROCESSING and is claimed again.
//
// The fence is a number that every claim raises, and every transition that is not made
// by the claim's owner. Whoever writes names the fence it saw, so a worker that slept
// through its lease can write nothing. attempt only counts tries.
// An attempt may take more than one run: Continue gives the request back, and Resume, a
// claim that counts no try, takes it up again.
//
// An attempt may also be handed over, to whoever has its ticket: HandOver gives it away, and
// TakeOver takes it, from another holder too, so a process may die and be replaced within
// the attempt, and the newest one has it. The request is PROCESSING all the while, under a
// lease as long as the holder may be silent, and what becomes of it then is what becomes of
// any request whose worker let its lease run out. No queue message stands behind a holder:
// what it writes last is marked with Notify, so that the stream's record of it is the hint,
// and Told takes the mark away.
package lifecycle
