// Package outside has what more than one function uses outside of its process: the AWS
// configuration, the work queues, and where traces go. It links no other service's client.
package outside

import "sync"

// Client is a client of the process, made when it is first asked for. A client of its own for
// each use would have connections of its own, too, and each costs a TLS handshake. A
// sync.OnceValue would do, but a variable that knows how to make a client has it linked into
// functions that never ask for it.
type Client[C any] struct {
	once sync.Once
	made *C
}

// Get returns the client, which it makes if there is none.
func (c *Client[C]) Get(make func() *C) *C {
	c.once.Do(func() { c.made = make() })
	return c.made
}
