package protocol

// Code says why a message was refused or a request failed. Codes are a contract:
// one is added, never renamed. A handler adds its own in the same style.
type Code string

// The codes that Streamer itself uses.
const (
	// BadMessage: not one JSON object, or a field that is unknown, doubled, of the
	// wrong type or out of its limits.
	BadMessage Code = "BAD_MESSAGE"
	// MessageTooLarge: over MaxMessage. Send a smaller payload.
	MessageTooLarge Code = "MESSAGE_TOO_LARGE"
	// UnknownAction: no such action is deployed.
	UnknownAction Code = "UNKNOWN_ACTION"
	// InvalidPayload: the action refused its payload; details.field names the field.
	InvalidPayload Code = "INVALID_PAYLOAD"
	// Unauthenticated: the connection has no identity, or its token has run out.
	// Connect again with a fresh token.
	Unauthenticated Code = "UNAUTHENTICATED"
	// NotFound: no request with this id that this user may see, or no upload of this
	// user's. Malformed, unknown, expired and foreign ids are all answered alike.
	NotFound Code = "NOT_FOUND"
	// IdempotencyMismatch: the key was used before with another payload.
	IdempotencyMismatch Code = "IDEMPOTENCY_MISMATCH"
	// TooManyWatchers: MaxWatchers connections watch this request already.
	TooManyWatchers Code = "TOO_MANY_WATCHERS"
	// TooManyRequests: the user, or its tenant, has as many open requests as it may. One
	// that ends makes room; details.limit says whose limit it is, and details.retry_after_ms
	// how long to wait at least.
	TooManyRequests Code = "TOO_MANY_REQUESTS"
	// TooManyConnections: as TooManyRequests, of connections. A handshake is refused with
	// it, so that it shows as the status 429 and in metrics.
	TooManyConnections Code = "TOO_MANY_CONNECTIONS"
	// TooFast: the user, or its tenant, submits more requests a second than it may, or
	// announces more uploads. As TooManyRequests, it has details.retry_after_ms.
	TooFast Code = "TOO_FAST"
	// Timeout: the handler ran longer than its action allows.
	Timeout Code = "TIMEOUT"
	// Deadline: the request's deadline, waiting included, has passed.
	Deadline Code = "DEADLINE"
	// AttemptsExhausted: the last allowed attempt ended without an outcome, which is
	// what a worker that dies leaves behind.
	AttemptsExhausted Code = "ATTEMPTS_EXHAUSTED"
	// ContinuationsExhausted: the work went on in a fresh function more often than is
	// allowed.
	ContinuationsExhausted Code = "CONTINUATIONS_EXHAUSTED"
	// ResultTooLarge: a sync action's result does not fit into a frame. An async one has
	// no such limit.
	ResultTooLarge Code = "RESULT_TOO_LARGE"
	// Unavailable: a service that Streamer stands on did not answer. Send the message
	// again, with an idempotency key if it must not count twice.
	Unavailable Code = "UNAVAILABLE"
	// Internal: something went wrong that is not the client's to know. It is in the
	// function's log, under the request's id.
	Internal Code = "INTERNAL"
)

// DetailRetryAfter names the detail of an error frame that says how many milliseconds to
// wait at least before the message is sent again.
const DetailRetryAfter = "retry_after_ms"

// Retryable reports whether sending the same message again, later, can succeed
// without a change. A code that Streamer does not define is not retryable unless its
// frame says so.
func (c Code) Retryable() bool {
	switch c {
	case Unavailable, Internal, TooManyWatchers, TooManyRequests, TooManyConnections, TooFast:
		return true
	}
	return false
}
