// Package twice declares an action wrongly.
package twice

import "github.com/pay-theory/streamer"

var (
	One = streamer.Action[int, int]{Name: "work"}
	Two = streamer.Action[int, int]{Name: "work"}
)
