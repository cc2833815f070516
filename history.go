package streamer

import (
	"context"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// Summary is what is kept of a request for lists and reports.
type Summary struct {
	ID     string
	Action string
	User   string
	Status protocol.Status
	// CreatedAt is when the request was accepted. StartedAt and EndedAt are zero until
	// its first attempt has started, and until it is terminal.
	CreatedAt time.Time
	StartedAt time.Time
	EndedAt   time.Time
	// Attempt is how often it was tried so far.
	Attempt int
	// Code says why the last attempt failed; empty if none did.
	Code protocol.Code
}

// History lists the async requests of a tenant as far as they are kept.
type History interface {
	// Day returns a page of the requests that were accepted on day, a UTC date, the
	// oldest first, and the token of the next page: empty after the last. The first
	// page's token is empty. A request shows up within a second or so of its acceptance,
	// and its status as late: the list is eventually consistent.
	Day(ctx context.Context, tenant string, day time.Time, page string) (rows []Summary, next string, err error)
}
