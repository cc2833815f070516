// Command authorizer is what an authorizer is at least. It calls nothing of AWS's.
package main

import "github.com/pay-theory/streamer/bench/bare"

func main() { bare.Serve(nil, nil) }
