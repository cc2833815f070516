// Package conformance is what every client SDK of Streamer must get through: cases, and a
// server that plays them.
//
// cases.json has the cases, as data for any language. A case says what the server does, what
// the client does, and what both must have seen at the end. A driver, a test in the SDK's own
// language, runs each one:
//
//  1. It connects to ws://SERVER/run/CASE/NAME, with a NAME that no other run has, a token
//     that says when it runs out (exp, in seconds, fractions allowed; nobody checks its
//     signature), and the case's timing.
//  2. It submits the case's action and payload, or attaches to the id "unknown" if the case
//     has attach, and does what the case's client says when a progress message asks for it.
//  3. It waits for the request's end, and compares the states that its last client took,
//     without PROCESSING, which is newest-wins, and the result or the error's code with
//     what the case expects. Percentages never fall within an attempt.
//  4. It GETs http://SERVER/run/CASE/NAME/report and compares the numbers with the case's.
//  5. It compares the cases that it passed with results/SDK.txt, which README.md is made of.
//
// # Design
//
// The server is a small stage: it knows requests, idempotency keys and watchers, so that a
// client may send again and subscribe whenever it sees fit, and a script says only what goes
// wrong. It is written in Go for the frames to be those of package protocol, encoded as the
// functions do. Go tests run it in their own process; others start the program in serve.
//
// A driver plays each case twice: against the server itself, and through the local stage's
// front, which stands where API Gateway does, in the machine's own time.
package conformance
