// Command reconciler is Streamer's reconciler function.
package main

import "github.com/pay-theory/streamer/functions/serve"

func main() { serve.Reconciler() }
