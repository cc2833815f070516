// Package nothing declares an action wrongly.
package nothing

import "github.com/pay-theory/streamer"

// Spec is no action.
var Spec = streamer.Spec{Name: "work"}
