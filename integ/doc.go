// Package integ has the end-to-end tests. They are a client of a stage, local or
// deployed: they know the protocol and what the stack's outputs say, and no more. Tests
// of what only the local stage can show, grants and counted calls, also speak to its
// AWS endpoint.
//
// The environment names the stage; make integ sets it:
//
//	STREAMER_OUTPUTS         the file that cdk deploy --outputs-file wrote
//	STREAMER_TOKEN_KEY       the ES256 private key that signs tokens, as PEM
//	STREAMER_TOKEN_ISSUER    the tokens' issuer, if it is not the local stage's
//	STREAMER_TOKEN_AUDIENCE  and their audience
//	AWS_ENDPOINT_URL         where the local stage answers AWS calls
//
// Without STREAMER_OUTPUTS every test is skipped, or fails where CI is "true".
//
// # Design
//
// Each test takes a tenant of its own, so tests run side by side, again and again on
// the same stage, and a report's rows are exactly those that its test made. Whatever
// arrives on any connection must be a frame of a known type without a word of what
// happened inside; the client checks it, not each test.
//
// Tests with faults ask the local stage's front for them, by rules that look for a mark
// which stands in every call about the test's own requests; so they run beside the
// others. What comes of each request is held against all that its clients saw: see
// history.
package integ
