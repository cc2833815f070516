// Package value declares an action wrongly.
package value

import "github.com/pay-theory/streamer"

func named(name string) streamer.Action[int, int] { return streamer.Action[int, int]{Name: name} }

var Action = named("work")
