package contract

// DefaultMessagesPerSecond and DefaultMessageBurst bound the messages of all clients of one
// Streamer together, connects among them, unless its props say otherwise.
const (
	DefaultMessagesPerSecond = 1_000
	DefaultMessageBurst      = 2_000
)

// DefaultMaxConcurrency is how many requests of one queue are worked on at once, unless its
// props say otherwise.
const DefaultMaxConcurrency = 100
