// Command dispatcher is Streamer's dispatcher function.
package main

import "github.com/pay-theory/streamer/functions/serve/dispatcher"

func main() { dispatcher.Serve() }
