//go:build streamer_functions

package constructs

// Never compiled: importing a package main is not legal, nor wanted. It is here for go
// mod tidy and go mod vendor, which look at every build tag: so a module that imports
// this package has what the functions need in its go.sum, and can build them when its
// stack is synthesized.
import (
	_ "github.com/pay-theory/streamer/functions/cmd/authorizer"
	_ "github.com/pay-theory/streamer/functions/cmd/dispatcher"
	_ "github.com/pay-theory/streamer/functions/cmd/processor"
	_ "github.com/pay-theory/streamer/functions/cmd/reconciler"
	_ "github.com/pay-theory/streamer/functions/cmd/router"
)
