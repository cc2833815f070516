// Package remote goes on with a request that its handler handed over
// (streamer.HandOver), in any process that has the ticket and the rights of
// StreamerConstruct.GrantReport: an ECS task, a state of a Step Functions execution, a
// machine of one's own.
//
//	func main() {
//		ctx := context.Background()
//		cfg, err := config.LoadDefaultConfig(ctx)
//		if err != nil { … }
//		err = remote.Run(ctx, remote.Config{AWS: cfg}, os.Getenv("STREAMER_TICKET"), actions.Transcode.Bind(transcode))
//		if err != nil { … }
//	}
//
// [Run] runs a handler like any other there: it gets the request and a Reporter, its context
// ends on cancel, deadline and loss, what it returns decides whether there is another
// attempt, Checkpoint, Restore and Once work, and while it runs the lease is kept without
// its doing. The handler in the function and the one here may be of the same action; the
// next attempt begins with the one in the function.
//
// Work that is no one process, the states of a Step Functions execution, a script, calls
// [Report], [Complete] and [Fail], each from wherever it happens to be, and must be heard of
// within the silence that the handler allowed. The command streamer-report does the same for
// programs in other languages.
//
// # Errors
//
// streamer.ErrLost says that the attempt is over or in other hands: another holder of the
// ticket has begun since, the silence lasted too long and the next attempt has begun, or the
// request has ended. Nothing was written, and there is nothing left to do. With
// streamer.ErrCancelled the request was cancelled. Any other error says that a call to AWS
// failed, and the same may be tried again.
//
// # Design
//
// It is the processor's own engine, without a queue message: the same session posts and
// pulses, the same fenced writes end the request. Taking over raises the fence, so of all
// that have a ticket the newest has the attempt, a process that was given up can write and
// post nothing, and frames of one process after the other are numbered in order.
//
// The end that is written here leaves a record in the table's stream that a processor looks
// at. So everyone is told even if this process is gone by then, and a retry needs no right
// to send to a queue.
package remote
