// Command authorizer is Streamer's authorizer function.
package main

import "github.com/pay-theory/streamer/functions/serve"

func main() { serve.Authorizer() }
