package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// check is a question that only an account answers.
type check struct {
	name     string
	question string
	// expect is the answer that the design stands on.
	expect string
	// long says that it takes over ten minutes.
	long bool
	see  func(context.Context, *stage) (answer, error)
}

// answer is what was seen.
type answer struct {
	seen   string
	agrees bool
}

// checks are all of them, in the order in which they are asked: the heavy ones last.
var checks = []check{
	{name: "handshake", see: handshake,
		question: "Does a connection open with the token in the query, in a header, as a subprotocol, though the authorizer has no identity source?",
		expect:   "all three open; streamer.v1 alone comes back; a bad token, two tokens and none are refused with 401 or 403"},
	{name: "context", see: authorizerContext,
		question: "Does the authorizer's context come with every later message of the connection?",
		expect:   "yes, all values as strings"},
	{name: "nothing", see: emptyAnswer,
		question: "What does a client receive when a route with a response answers 200 without a body?",
		expect:   "an empty message, or none: the router never answers so"},
	{name: "order", see: order,
		question: "Does a frame that is posted before a function returns arrive before the frame that is returned?",
		expect:   "nearly always; clients bear both orders"},
	{name: "overtaking", see: overtaking,
		question: "Are messages of one connection worked on at once, so that their answers overtake each other?",
		expect:   "yes; clients tell answers by their id"},
	{name: "too-large", see: tooLarge,
		question: "What becomes of a connection whose client sends a frame over 32 KB?",
		expect:   "it is closed with 1009"},
	{name: "gone", see: gone,
		question: "How soon after a client went is a post to it answered with 410?",
		expect:   "within seconds"},
	{name: "flood", see: flood,
		question: "What does a client see that sends more messages than the stage lets through?",
		expect:   "frames with the message Too Many Requests and no type; the connection stays"},
	{name: "slow-reader", see: slowReader,
		question: "What are posts answered with to a client that does not read?",
		expect:   "429 once its buffer is full, and nothing else fails"},
	{name: "old-handle", see: oldHandle,
		question: "Does deleting a message with the handle of an earlier delivery delete it?",
		expect:   "no: the message comes again"},
	{name: "old-version", see: oldVersion,
		question: "Does a run come to its end whose version of the function is deleted meanwhile, as by a deployment?",
		expect:   "yes; a request whose run is cut off is taken up again, at the cost of an attempt"},
	{name: "missing-upload", see: missingUpload,
		question: "What is a request answered with whose upload was never made?",
		expect:   "NOT_FOUND, whether S3 says 403 or 404"},
	{name: "list", see: listLag,
		question: "How long after a request was accepted is it listed, and does a page begin behind a key that the router wrote itself?",
		expect:   "within five seconds, and every page does"},
	{name: "encryption", see: encryption,
		question: "Whose keys encrypt tables, queues and bucket, and does a report get through them?",
		expect:   "the stage's own key where it was given one, and a report is made and fetched"},
	{name: "lanes", see: lanes,
		question: "How long do 500 requests that come at once wait on the stream and in the queue?",
		expect:   "no request waits over a minute for its first attempt while workers are free"},
	{name: "ramp", see: ramp,
		question: "How fast does the work mapping grow under 200 requests of 60 s that come at once?",
		expect:   "from 5 workers, up to 300 more a minute, to the stage's MaxConcurrency"},
	{name: "trace", see: oneTrace,
		question: "Does X-Ray take what functions add to a trace that another function began, and show a request as one tree?",
		expect:   "a trace with the message, its hint, its attempt and all below, each below its parent"},
	{name: "prices", see: prices,
		question: "What do the services cost in this region today?",
		expect:   "a price for each line of the cost calculation, but for traces, keys and traffic"},
	{name: "idle", see: idle, long: true,
		question: "When is a silent connection closed, and with which code?",
		expect:   "after 10 minutes, with 1001"},
	{name: "lifetime", see: lifetime, long: true,
		question: "When is a connection closed that pings, and with which code?",
		expect:   "after 2 hours, with 1001"},
}

func list(out io.Writer) {
	for _, c := range checks {
		long := ""
		if c.long {
			long = " (long)"
		}
		fmt.Fprintf(out, "%s%s\n  %s\n  The design expects: %s.\n", c.name, long, c.question, c.expect)
	}
}

var errDiffers = errors.New("not everything is as the design expects")

// ask asks them one after the other and prints the answers.
func ask(ctx context.Context, s *stage, chosen []check, out io.Writer) error {
	fmt.Fprintf(out, "stack %s, %s\n", s.Stack.Name, s.where())
	var wrong error
	for _, c := range chosen {
		fmt.Fprintf(out, "\n%s: %s\n  expected  %s\n", c.name, c.question, c.expect)
		a, err := c.see(ctx, s)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			fmt.Fprintf(out, "  no answer %v\n", err)
			wrong = errDiffers
		case a.agrees:
			fmt.Fprintf(out, "  seen      %s\n  agrees\n", a.seen)
		default:
			fmt.Fprintf(out, "  seen      %s\n  DIFFERS\n", a.seen)
			wrong = errDiffers
		}
	}
	return wrong
}
