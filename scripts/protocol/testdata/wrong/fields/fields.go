// Package fields declares an action wrongly.
package fields

import "github.com/pay-theory/streamer"

var Action = streamer.Action[int, int]{"work", false, 0, 0, streamer.Backoff{}, false}
