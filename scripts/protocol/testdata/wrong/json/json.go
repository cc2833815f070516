// Package json declares an action wrongly.
package json

import "github.com/pay-theory/streamer"

type In struct {
	Values []struct{ Done chan int }
}

var Action = streamer.Action[In, int]{Name: "work"}
