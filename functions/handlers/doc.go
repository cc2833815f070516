// Package handlers declares the sample actions, and does the four that need nothing: echo,
// echo_async, count and hand_over. Your own actions take their place: declare them in a package
// like this one, which the router, the processor and the clients can all import, and
// keep what an async action needs to run in a package of its own, as report is.
//
// # Design
//
// The package stays light, the root package and protocol only: the router's binary
// carries it, and its size is part of every cold start.
package handlers
