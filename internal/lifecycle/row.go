package lifecycle

import (
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
)

// Row is the META item of a request: the truth about it. Times are Unix milliseconds,
// zero meaning not yet, but for TTL, which DynamoDB wants in seconds.
type Row struct {
	PK string `dynamodbav:"pk"`
	SK string `dynamodbav:"sk"`

	Action string          `dynamodbav:"action"`
	User   string          `dynamodbav:"user"`
	Status protocol.Status `dynamodbav:"status"`
	// Fence is raised by every claim and every transition by others than its owner.
	Fence int64 `dynamodbav:"fence"`
	// Attempt counts tries; MaxAttempts is the action's limit when it was accepted.
	Attempt     int `dynamodbav:"attempt"`
	MaxAttempts int `dynamodbav:"max_attempts"`

	CreatedAt  int64 `dynamodbav:"created_at"`
	DeadlineAt int64 `dynamodbav:"deadline_at"`
	StartedAt  int64 `dynamodbav:"started_at,omitempty"`
	EndedAt    int64 `dynamodbav:"ended_at,omitempty"`
	// LeaseUntil is when the worker that holds the request may be presumed dead.
	LeaseUntil int64 `dynamodbav:"lease_until,omitempty"`
	// NextAt is when the next attempt may start, while RETRYING.
	NextAt int64 `dynamodbav:"next_at,omitempty"`
	// CancelAt is when someone asked a running request to stop.
	CancelAt int64 `dynamodbav:"cancel_at,omitempty"`
	// ContinuedAt is when an attempt gave its function back, to go on in another one,
	// while the request waits for that one. Continuations counts how often that was.
	ContinuedAt   int64 `dynamodbav:"continued_at,omitempty"`
	Continuations int   `dynamodbav:"continuations,omitempty"`

	// Carrier is the id of the queue message that the last claim came with. While the
	// request is open that message is the one that brings it back; once it is terminal,
	// deleting that message is the mark that everyone was told.
	Carrier string `dynamodbav:"carrier,omitempty"`
	// Owner names the invocation that made the last claim, so that a claim whose answer
	// was lost on the way is recognised by the one that made it.
	Owner string `dynamodbav:"owner,omitempty"`
	// Handed is the fence of the claim whose handler handed its attempt over, to be gone on
	// with by whoever has its ticket. Zero while the attempt is a processor's.
	Handed int64 `dynamodbav:"handed,omitempty"`
	// Notice is contract.NoticeDue if the write that left the row so has no queue message
	// behind it: its record in the stream is the hint that a processor must look at the
	// request. Once everyone was told of the end it is contract.NoticeGiven.
	Notice string `dynamodbav:"notice,omitempty"`

	// Watchers are the connections that are told about the request.
	Watchers []string `dynamodbav:"watchers,stringset,omitempty"`

	Percentage float64 `dynamodbav:"percentage,omitempty"`
	Message    string  `dynamodbav:"message,omitempty"`
	// Seq is that of the stored progress, or of the terminal frame.
	Seq int64 `dynamodbav:"seq,omitempty"`

	// Submission names the client message that brought the request in, so that a put
	// that is repeated recognises its own row.
	Submission string `dynamodbav:"submission"`
	// Ref is the id that the submitter gave its message.
	Ref string `dynamodbav:"ref,omitempty"`
	// Payload is the input as JSON while it is small; else PayloadAt says where it is.
	Payload   string `dynamodbav:"payload,omitempty"`
	PayloadAt Place  `dynamodbav:"payload_at,omitempty"`
	// Hash is the SHA-256 of the payload: it tells whether an idempotency key is used
	// again for something else.
	Hash []byte `dynamodbav:"hash,omitempty"`
	// Redact says that the payload goes when the request ends. Upload is then the reference
	// of the upload that it came as, if it did.
	Redact bool   `dynamodbav:"redact,omitempty"`
	Upload string `dynamodbav:"upload,omitempty"`

	// Result is the outcome as JSON; else ResultAt says where it is and ResultSize and
	// ResultHash what it is. File is the key of the object that the result names.
	Result     string `dynamodbav:"result,omitempty"`
	ResultAt   Place  `dynamodbav:"result_at,omitempty"`
	ResultSize int64  `dynamodbav:"result_size,omitempty"`
	ResultHash []byte `dynamodbav:"result_hash,omitempty"`
	File       string `dynamodbav:"file,omitempty"`
	// Code and Error say why the last attempt failed.
	Code  protocol.Code `dynamodbav:"code,omitempty"`
	Error string        `dynamodbav:"error,omitempty"`

	// State is what the handler saved last, as JSON while it is small; else StateAt says
	// where it is, and StateHash what it is.
	State     string `dynamodbav:"state,omitempty"`
	StateAt   Place  `dynamodbav:"state_at,omitempty"`
	StateHash []byte `dynamodbav:"state_hash,omitempty"`
	// StateSeq orders the states that were saved.
	StateSeq int64 `dynamodbav:"state_seq,omitempty"`

	// HintAt is when the reconciler last sent a hint again, Hints how often it did.
	HintAt int64 `dynamodbav:"hint_at,omitempty"`
	Hints  int   `dynamodbav:"hints,omitempty"`
	// Reposts counts the deliveries that tried again to post the terminal frame.
	Reposts int `dynamodbav:"reposts,omitempty"`

	// Trace is the span that took the request in, as an X-Ray tracing header. It is empty if
	// the request is not traced.
	Trace string `dynamodbav:"trace,omitempty"`
	// TTL, in Unix seconds, is set by terminal transitions only.
	TTL int64 `dynamodbav:"ttl,omitempty"`

	// Keys of the indexes.
	TenantDay string `dynamodbav:"tenant_day"`
	UserKey   string `dynamodbav:"user_key"`
	OpenShard string `dynamodbav:"open_shard,omitempty"`
}

// Place says where a payload, a state or a result is kept that is not in the row.
type Place string

// The places beside the row.
const (
	PlaceItem   Place = "item"   // an item of its own in the same table
	PlaceObject Place = "object" // an object in the files bucket
)

// Field names an attribute of the row, as it is stored.
type Field string

// The fields that transitions read or write.
const (
	fieldPK         Field = "pk"
	fieldStatus     Field = "status"
	fieldUser       Field = "user"
	fieldFence      Field = "fence"
	fieldAttempt    Field = "attempt"
	fieldMax        Field = "max_attempts"
	fieldDeadlineAt Field = "deadline_at"
	fieldStartedAt  Field = "started_at"
	fieldEndedAt    Field = "ended_at"
	fieldLeaseUntil Field = "lease_until"
	fieldNextAt     Field = "next_at"
	fieldCancelAt   Field = "cancel_at"
	// fieldContinuedAt is there while an attempt waits for its next function.
	fieldContinuedAt   Field = "continued_at"
	fieldContinuations Field = "continuations"
	fieldState         Field = "state"
	fieldStateAt       Field = "state_at"
	fieldStateHash     Field = "state_hash"
	fieldStateSeq      Field = "state_seq"
	fieldCarrier       Field = "carrier"
	fieldOwner         Field = "owner"
	fieldHanded        Field = "handed"
	fieldNotice        Field = contract.NoticeAttribute
	fieldCreatedAt     Field = contract.CreatedAt
	// Watchers is the one that Join and Leave change.
	Watchers        Field = "watchers"
	fieldPercentage Field = "percentage"
	fieldMessage    Field = "message"
	fieldSeq        Field = "seq"
	fieldPayload    Field = "payload"
	fieldResult     Field = "result"
	fieldResultAt   Field = "result_at"
	fieldResultSize Field = "result_size"
	fieldResultHash Field = "result_hash"
	fieldFile       Field = "file"
	fieldCode       Field = "code"
	fieldError      Field = "error"
	fieldHintAt     Field = "hint_at"
	fieldHints      Field = "hints"
	fieldReposts    Field = "reposts"
	fieldTTL        Field = "ttl"
	fieldOpenShard  Field = "open_shard"
)

// Expired reports whether the row is past its time to live. DynamoDB deletes late, so
// whoever reads a row checks it.
func (r Row) Expired(now time.Time) bool { return r.TTL != 0 && r.TTL <= now.Unix() }

// Continued reports whether the request waits for a function in which its attempt goes
// on: Resume takes it, Claim does not.
func (r Row) Continued() bool { return r.Status == protocol.Pending && r.ContinuedAt != 0 }

func millis(t time.Time) int64 { return t.UnixMilli() }
