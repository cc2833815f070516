// Package streamertest runs a handler in a test, as the engine does, and keeps what it told and
// made, in memory.
//
//	r := streamertest.Request[ResizeIn, ResizeOut]{Action: Resize, Handler: resize, Payload: ResizeIn{…}}
//	if err := r.Run(t.Context()); err != nil { … }
//	// r.Result, r.Reports, r.Files
//
// Run again, it is the next attempt, or the next function of one that continues: Restore finds
// the state, Once the effects. streamer.RetryOf tells what the engine makes of an error.
//
// How it looks through router, queue and sockets, the local stage shows (scripts/stage).
package streamertest
