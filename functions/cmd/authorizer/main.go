// Command authorizer is Streamer's authorizer function.
package main

import "github.com/pay-theory/streamer/functions/serve/authorizer"

func main() { authorizer.Serve() }
