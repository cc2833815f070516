// Package simulation runs the whole of Streamer in one process and in made-up time, with
// everything going wrong that can: router, dispatcher, processors and reconciler are the
// real ones; table, stream, queue, S3, API Gateway and clients are fakes that fail, lose,
// double, delay and reorder by a seed. It holds tests only.
//
//	go test ./internal/simulation                                  # 1,000 seeds
//	STREAMER_SEEDS=100000 go test -timeout 0 -run TestSimulation ./internal/simulation
//	STREAMER_SEED=123 go test -v -run TestSimulation ./internal/simulation   # one, with its log
//
// STREAMER_BUG beside STREAMER_SEED names one of the planted bugs, STREAMER_FIRST beside
// STREAMER_SEEDS the seed to begin with.
//
// # Design
//
// A seed is a world: its clients, their requests, and which faults there are how often.
// One scheduler carries out one event at a time, in time that flies (testing/synctest).
// Every call that an invocation makes to the world outside it, and every timer it sets,
// parks its goroutine; the scheduler waits until all are parked, sorts what arrived by
// what it is, and gives each a fate drawn from the seed and from what it is: when it
// reaches the service, what comes of it, when its answer is back. So the order in which
// things happen is the seed's, not the Go scheduler's, and a seed replays event by event.
//
// An invocation that crashes never returns from the call it is in: the goroutine ends
// there, and so do all others of that invocation at their next call, so that nothing that
// was only in memory is ever seen again. One that freezes gets no answer and no timer for
// longer than its lease, then goes on as if nothing had been.
//
// Faults stop at a moment of the seed's choosing. From then on every open request must
// end: at its deadline, or the moment when the faults stopped if that is later, plus at
// most ten minutes (the reconciler's two minutes of patience and five of period, one
// delivery), plus the reconciler's own pause if it had sent hints in vain before.
//
// Some jobs are handed over to processes outside, which crash and freeze as all others do,
// start late, or twice, and are now and then started again with the ticket they had.
//
// Some worlds live twice: a week goes by in which requests expire, and clients come back
// under their keys and ids while rows vanish late, one by one.
//
// The world watches every write and every frame. What it holds them to is in judge_test.go
// and, for what clients are answered and who is told what, in answers_test.go. Each of the
// planted bugs in bugs_test.go must be found by some seed, so that a check that checks
// nothing would be noticed; and what the seeds came by is counted and held to a list in
// coverage_test.go, so that it is noticed too if something is no longer tried.
package simulation
