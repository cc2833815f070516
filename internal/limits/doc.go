// Package limits keeps users and tenants to what they may have at once: connections, open
// requests, and requests a second.
//
// # Design
//
// A limit must not be worth more calls than the thing itself, must never be passed, and must
// never refuse for ever because a decrement was lost. Counting down at each end would need
// all three of the processor, whoever works outside, and the router's cancel to do it exactly
// once. So nobody counts down. What counts is written into a ledger, an item with a set of
// ids, under the condition that the set is small enough: one update for each submission or
// connection, and the whole price. What has ended stays in it until the ledger is full. Then
// the rows themselves, which are the truth, say which entries still count, the others are
// struck, and it is tried again: where requests end as they come, a fifth of a call more for
// each. A refusal is only ever given by rows that were read.
//
// An entry is there before what it stands for, so the set is never behind. Each invocation has
// an entry of its own, and the row says by its beginning which of them stands for it: so none
// relies on what another may take back, and what a repeated key has entered goes with the next
// look. An entry whose row does not appear within 40 seconds belongs to an invocation that died
// in between, and is struck as well. A row whose time to live is nearly over is as good as none:
// the key may come again, and a new one take its place. A connection that ended sooner than
// those 40 seconds counts for as long.
//
// That a ledger is full costs a look at its rows, so only one invocation looks each second; the
// others refuse without, which is what retry_after_ms tells. A flood is thus answered with one
// failed update for each message, and no more.
//
// A ledger holds 20 entries and so stays below a kilobyte, which is what DynamoDB bills an
// update by. A limit of more has several drawers, the entry's id says which two of them it
// may go into, and the limit is spread over all: it is never passed, and the first may be
// refused at three quarters of it. This also keeps a large tenant below the 1,000 writes
// a second of one key (Amazon DynamoDB developer guide, "Designing partition keys").
//
// The pace is one number in the same ledger, the moment up to which the submissions so far
// have paid (the generic cell rate algorithm): it needs no clean-up. Where submissions come
// closer together than the pace, DynamoDB's conditions need a second update, since they
// cannot take the larger of two numbers.
//
// A user's ledger is asked before the tenant's, so what one user is refused takes nothing
// from the others of the tenant.
package limits
