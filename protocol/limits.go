package protocol

import "time"

// Limits of a message and of what it may ask for.
const (
	// MaxFrame is API Gateway's limit for one WebSocket frame, in bytes. A larger one
	// closes the connection with code 1009, and a browser cannot split a message into
	// frames, so this, and not the 128 KB limit of a message, is what counts
	// (API Gateway developer guide, "Quotas for configuring and running a WebSocket API").
	MaxFrame = 32 * 1024
	// MaxMessage is the largest message that the server accepts, in bytes. The gap to
	// MaxFrame is where a client gets a typed error instead of a closed connection.
	MaxMessage = 28 * 1024
	// MaxInline is the largest payload or result, in bytes of JSON, that is kept in a
	// table and sent inside a frame. A larger one travels through S3.
	MaxInline = 24 * 1024
	// MaxUpload is the largest payload, in bytes of JSON, that may be uploaded in place of
	// being in the message: the router reads it whole, and checks it like any other.
	MaxUpload = 5 * 1024 * 1024
	// MaxDepth is how deep a message may nest arrays and objects.
	MaxDepth = 32

	// MaxActionName is the length of an action's name, in bytes.
	MaxActionName = 64
	// MaxID is the length of a client's own message id, in bytes.
	MaxID = 128
	// MaxIdempotencyKey is the length of an idempotency key: 1 to 128 printable ASCII
	// characters.
	MaxIdempotencyKey = 128
	// MaxList is how many requests a page of streamer.list has at most.
	MaxList = 50
	// DefaultList is how many it has at most if the message does not say.
	DefaultList = 20
	// MaxWatchers is how many connections may watch one request at the same time.
	MaxWatchers = 10
	// MaxCode is how many bytes of a handler's code reach a client.
	MaxCode = 64
	// MaxErrorMessage is how many bytes of a handler's error message reach a client.
	MaxErrorMessage = 500
	// MaxProgressMessage is how many bytes of a progress message are kept and sent.
	MaxProgressMessage = 200
)

// Deadlines of a request, counted from its acceptance, waiting included.
const (
	// MinDeadline is the shortest that a message may ask for.
	MinDeadline = time.Second
	// DefaultDeadline is that of a request whose message says nothing.
	DefaultDeadline = 24 * time.Hour
	// MaxDeadline is the longest that a message may ask for. It keeps a request's last hint inside the 14 days that its queues keep
	// messages.
	MaxDeadline = 13 * 24 * time.Hour
)

// Limits of a connection, which API Gateway sets and nobody can raise (API Gateway
// developer guide, "Quotas for configuring and running a WebSocket API").
const (
	// MaxIdle is how long neither side may send anything before the connection is closed.
	MaxIdle = 10 * time.Minute
	// MaxLifetime is how long a connection lasts at most.
	MaxLifetime = 2 * time.Hour
)

// The subprotocols of the handshake. A client that sends its token as a subprotocol
// offers both, and the server echoes Subprotocol alone.
const (
	// Subprotocol names this version of the protocol.
	Subprotocol = "streamer.v1"
	// SubprotocolBearer stands before the token.
	SubprotocolBearer = "streamer.bearer."
)
