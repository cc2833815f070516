// Package authorizer is package serve for the authorizer, which uses no service of AWS's and
// stands before every connection.
package authorizer

import (
	"os"

	"github.com/pay-theory/streamer/functions/authorizer"
	"github.com/pay-theory/streamer/functions/serve/process"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
)

// Serve serves $connect's authorizer.
func Serve() {
	a, err := authorizer.New(os.Getenv(contract.EnvAuth), clock.System{}, process.Metrics(), process.Logger())
	if err != nil {
		process.Fatal(err)
	}
	process.Start(a.Handle)
}
