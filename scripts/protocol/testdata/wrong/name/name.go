// Package name declares an action wrongly.
package name

import (
	"os"

	"github.com/pay-theory/streamer"
)

var Action = streamer.Action[int, int]{Name: os.Args[0]}
