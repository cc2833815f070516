package lifecycle

import (
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
)

// Retention is how long a request is kept after it ended.
const Retention = 7 * 24 * time.Hour

// maxReposts is how many further deliveries try to post a terminal frame.
const maxReposts = 5

// Submission is what an accepted message brings.
type Submission struct {
	Key         Key
	User        string
	Action      string
	MaxAttempts int
	Deadline    time.Duration
	// Connection is the submitter's: it watches from the start. Empty: nobody does.
	Connection string
	// Message names the client's message, uniquely.
	Message string
	Ref     string
	// Payload is given if it is kept in the row, PayloadAt if it is kept elsewhere.
	Payload   string
	PayloadAt Place
	Hash      []byte
	// Redact says that the payload goes when the request ends, and with it the upload of
	// that reference.
	Redact bool
	Upload string
	Trace  string
}

// Accept makes the row of a new request. It is put under the condition Vacant.
func Accept(s Submission, now time.Time) Row {
	var watchers []string
	if s.Connection != "" {
		watchers = []string{s.Connection}
	}
	row := Row{
		PK: s.Key.PK(), SK: contract.SKMeta,
		Action: s.Action, User: s.User, Status: protocol.Pending, MaxAttempts: s.MaxAttempts,
		CreatedAt: millis(now), DeadlineAt: millis(now.Add(s.Deadline)),
		Watchers: watchers, Submission: s.Message, Ref: s.Ref,
		Payload: s.Payload, PayloadAt: s.PayloadAt, Hash: s.Hash, Trace: s.Trace,
		TenantDay: TenantDay(s.Key.Tenant, now), UserKey: UserKey(s.Key.Tenant, s.User),
		OpenShard: OpenShard(s.Key.ID), Redact: s.Redact,
	}
	if s.Redact {
		row.Upload = s.Upload
	}
	return row
}

// Vacant holds where no row stands, or one whose time to live is over.
func Vacant(now time.Time) []Guard {
	return []Guard{{missing(fieldPK)}, {atMost(fieldTTL, now.Unix())}}
}

// Claim gives the request to a worker until its lease ends. It holds for a request that
// waits for its first attempt, for one whose back-off is over and for one whose worker let its lease run out,
// as long as attempts and time are left and nobody cancelled it. Settle says what to do
// when it does not hold. carrier is the queue message's id, owner names the invocation.
func Claim(carrier, owner string, now time.Time, lease time.Duration) Update {
	may := startable(now).and(less(fieldAttempt, fieldMax))
	return Update{
		Name: "claim",
		When: []Guard{
			may.and(in(protocol.Pending), missing(fieldContinuedAt)),
			may.and(in(protocol.Retrying), atMost(fieldNextAt, millis(now))),
			may.and(in(protocol.Processing), less(fieldLeaseUntil, millis(now))),
		},
		Set:    held(carrier, owner, now, lease),
		Once:   map[Field]any{fieldStartedAt: millis(now)},
		Add:    map[Field]int64{fieldFence: 1, fieldAttempt: 1},
		Remove: []Field{fieldNextAt, fieldPercentage, fieldMessage, fieldHanded, fieldNotice},
	}
}

// Resume is Claim for a request whose attempt waits to go on: it is no new attempt, and
// how far the attempt is stays. An update cannot tell the two apart as it counts, so a
// worker tries Claim first and this one if the row that refused it is Continued. fence is
// that row's: a worker whose call arrives long after it gave it up, and its message is
// gone, must not take what waits for the function after that.
func Resume(fence int64, carrier, owner string, now time.Time, lease time.Duration) Update {
	return Update{
		Name:   "resume",
		When:   []Guard{startable(now).and(in(protocol.Pending), above(fieldContinuedAt, int64(0)), is(fieldFence, fence))},
		Set:    held(carrier, owner, now, lease),
		Add:    map[Field]int64{fieldFence: 1},
		Remove: []Field{fieldContinuedAt, fieldHanded},
	}
}

// startable holds while there is time left and nobody asked the request to stop.
func startable(now time.Time) Guard {
	return Guard{above(fieldDeadlineAt, millis(now)), missing(fieldCancelAt)}
}

// held is what a row says that a worker holds.
func held(carrier, owner string, now time.Time, lease time.Duration) map[Field]any {
	return map[Field]any{
		fieldStatus:     string(protocol.Processing),
		fieldCarrier:    carrier,
		fieldOwner:      owner,
		fieldLeaseUntil: millis(now.Add(lease)),
	}
}

// owned holds for the worker whose claim raised the fence to this value, until anyone
// raises it again.
func owned(fence int64) Guard {
	return Guard{in(protocol.Processing), is(fieldFence, fence)}
}

// State is how far an attempt is.
type State struct {
	Percentage float64
	Message    string
	Seq        int64
}

// Pulse stores how far the owner is, renews its lease and drops the watchers it found
// gone. The row that comes back has the cancel flag and the watchers of now.
func Pulse(fence int64, s State, now time.Time, lease time.Duration, gone []string) Update {
	return Update{
		Name: "pulse",
		When: []Guard{owned(fence)},
		Set: map[Field]any{
			fieldPercentage: s.Percentage,
			fieldMessage:    s.Message,
			fieldSeq:        s.Seq,
			fieldLeaseUntil: millis(now.Add(lease)),
		},
		Leave: gone,
	}
}

// Document is JSON that is kept in the row, or beside it in a place of that hash.
type Document struct {
	JSON string
	At   Place
	Hash []byte
}

// Save keeps the owner's nth state for the runs and attempts that come after. It does not
// hold once a later one is kept: a save may arrive long after its caller gave it up and
// saved again.
func Save(fence int64, n int, d Document) Update {
	seq := Seq(fence, n)
	u := Update{Name: "save", When: []Guard{
		owned(fence).and(missing(fieldStateSeq)),
		owned(fence).and(atMost(fieldStateSeq, seq)),
	}}
	if d.At == "" {
		u.Set = map[Field]any{fieldState: d.JSON}
		u.Remove = []Field{fieldStateAt, fieldStateHash}
	} else {
		u.Set = map[Field]any{fieldStateAt: string(d.At), fieldStateHash: d.Hash}
		u.Remove = []Field{fieldState}
	}
	u.Set[fieldStateSeq] = seq
	return u
}

// Continue gives the request back so that the owner's attempt goes on in another
// function: the row waits as a new one does, and what its stream says of that is the
// fresh hint. The message that the owner came with is of no more use. It does not hold
// once the request was asked to stop.
func Continue(fence int64, s State, now time.Time) Update {
	return Update{
		Name: "continue",
		When: []Guard{owned(fence).and(missing(fieldCancelAt))},
		Set: map[Field]any{
			fieldStatus:      string(protocol.Pending),
			fieldContinuedAt: millis(now),
			fieldPercentage:  s.Percentage,
			fieldMessage:     s.Message,
			fieldSeq:         s.Seq,
		},
		Add:    map[Field]int64{fieldContinuations: 1},
		Remove: []Field{fieldLeaseUntil, fieldCarrier, fieldHintAt, fieldHints},
	}
}

// Ticket names an attempt that its handler hands over: by the fence of its claim, and by
// when its request was accepted, since an id can come again.
type Ticket struct {
	Key       Key
	Fence     int64
	CreatedAt int64
}

// HandOver gives the owner's attempt to whoever has its ticket, and waits for a sign of
// life of theirs as long as the lease. The message that the owner came with is of no more
// use: what brings the request back, if nobody is heard of, is the reconciler.
func HandOver(fence int64, s State, now time.Time, lease time.Duration) Update {
	u := Pulse(fence, s, now, lease, nil)
	u.Name = "hand over"
	u.Set[fieldHanded] = fence
	u.Add = map[Field]int64{fieldFence: 1}
	u.Remove = []Field{fieldCarrier, fieldHintAt, fieldHints}
	return u
}

// TakeOver gives an attempt that was handed over to one that has its ticket, and takes it
// from any other who had it before. seen is the row's fence as it was read: a call that
// arrives long after its caller gave it up must not take the attempt from another.
func TakeOver(t Ticket, seen int64, owner string, now time.Time, lease time.Duration) Update {
	return Update{
		Name: "take over",
		When: []Guard{owned(seen).and(is(fieldHanded, t.Fence), is(fieldCreatedAt, t.CreatedAt))},
		Set:  map[Field]any{fieldOwner: owner, fieldLeaseUntil: millis(now.Add(lease))},
		Add:  map[Field]int64{fieldFence: 1},
	}
}

// Notify makes a write's record in the stream a hint, for a writer that no message stands
// behind.
func Notify(u Update) Update {
	u.Set[fieldNotice] = contract.NoticeDue
	return u
}

// Told marks that everyone was told of the end of a request whose end was a hint.
func Told(row Row) Update {
	return Update{
		Name: "told",
		When: []Guard{{in(row.Status), is(fieldFence, row.Fence)}},
		Set:  map[Field]any{fieldNotice: contract.NoticeGiven},
	}
}

// Outcome is the result of a request that succeeded: in the row, or in an object whose
// size and hash are known, and the key of the file that it names, if it names one.
type Outcome struct {
	Result string
	At     Place
	Size   int64
	Hash   []byte
	File   string
}

// Complete ends the owner's request with its result.
func Complete(fence int64, o Outcome, seq int64, now time.Time) Update {
	u := terminal("complete", protocol.Completed, owned(fence), seq, now)
	u.Set[fieldPercentage] = float64(100)
	if o.At == "" {
		u.Set[fieldResult] = o.Result
	} else {
		u.Set[fieldResultAt], u.Set[fieldResultSize], u.Set[fieldResultHash] = string(o.At), o.Size, o.Hash
	}
	if o.File != "" {
		u.Set[fieldFile] = o.File
	}
	return u
}

// Fail ends the owner's request for good.
func Fail(fence int64, code protocol.Code, message string, seq int64, now time.Time) Update {
	return because(terminal("fail", protocol.Failed, owned(fence), seq, now), code, message)
}

// Cancelled ends the owner's request because someone asked for it.
func Cancelled(fence int64, seq int64, now time.Time) Update {
	return terminal("cancelled", protocol.Cancelled, owned(fence), seq, now)
}

// Retry ends the owner's attempt; another may start at next. It does not hold once the
// request was asked to stop.
func Retry(fence int64, next time.Time, code protocol.Code, message string) Update {
	return because(Update{
		Name:   "retry",
		When:   []Guard{owned(fence).and(missing(fieldCancelAt))},
		Set:    map[Field]any{fieldStatus: string(protocol.Retrying), fieldNextAt: millis(next)},
		Remove: []Field{fieldLeaseUntil},
	}, code, message)
}

// End ends a request that nobody may work on any more, for the reason that Settle
// found in the row. It holds only while the row is as it was read. A carrier that is not
// empty is the message whose deletion will mark that everyone was told.
func End(row Row, reason Reason, carrier string, now time.Time) Update {
	u := Redacted(terminal("end", protocol.Failed, seen(row), Seq(row.Fence+1, 1), now), row)
	u.Add = map[Field]int64{fieldFence: 1}
	if carrier != "" {
		u.Set[fieldCarrier] = carrier
	}
	switch reason {
	case ReasonCancelled:
		u.Set[fieldStatus] = string(protocol.Cancelled)
		return u
	case ReasonOverdue:
		return because(u, protocol.Deadline, "the request's deadline passed before it could end")
	default:
		return because(u, protocol.AttemptsExhausted, "the last attempt ended without an outcome")
	}
}

// Cancel is what the router does for a client that wants the request to stop: a request
// that waits ends at once; one that runs gets a flag, which its worker sees at its next
// pulse. It holds only while the row is as it was read. ok is false for a request that
// is terminal.
func Cancel(row Row, now time.Time) (u Update, ok bool) {
	switch {
	case row.Status.Terminal():
		return Update{}, false
	case row.Status == protocol.Processing:
		return Update{
			Name: "ask to cancel",
			When: []Guard{{in(protocol.Processing), is(fieldFence, row.Fence)}},
			Once: map[Field]any{fieldCancelAt: millis(now)},
		}, true
	default:
		return End(row, ReasonCancelled, "", now), true
	}
}

// seen holds while a row is as it was read: nobody claimed, renewed or ended it since.
func seen(row Row) Guard {
	g := Guard{in(row.Status), is(fieldFence, row.Fence)}
	if row.Status == protocol.Processing {
		g = g.and(is(fieldLeaseUntil, row.LeaseUntil))
	}
	return g
}

func terminal(name string, status protocol.Status, when Guard, seq int64, now time.Time) Update {
	return Update{
		Name: name,
		When: []Guard{when},
		Set: map[Field]any{
			fieldStatus:  string(status),
			fieldEndedAt: millis(now),
			fieldSeq:     seq,
			fieldTTL:     now.Add(Retention).Unix(),
		},
		Remove: []Field{fieldLeaseUntil, fieldNextAt, fieldOpenShard},
	}
}

// Redacted has a write that ends the request of a row take the payload out of it, if its
// action asks for that.
func Redacted(u Update, row Row) Update {
	if row.Redact {
		u.Remove = append(u.Remove, fieldPayload)
	}
	return u
}

func because(u Update, code protocol.Code, message string) Update {
	u.Set[fieldCode], u.Set[fieldError] = string(code), message
	return u
}

// Watch adds a connection of the request's own user. It returns the row, so that
// registering and reading are one step.
func Watch(user, connection string) Update {
	own := Guard{is(fieldUser, user)}
	return Update{
		Name: "watch",
		When: []Guard{
			own.and(missing(Watchers)),
			own.and(Test{Watchers, Smaller, int64(protocol.MaxWatchers)}),
			own.and(Test{Watchers, Contains, connection}),
		},
		Join: []string{connection},
	}
}

// Unwatch takes a connection of the request's own user away.
func Unwatch(user, connection string) Update {
	return Update{Name: "unwatch", When: []Guard{{is(fieldUser, user)}}, Leave: []string{connection}}
}

// Repost counts one more delivery that posts the terminal frame again.
func Repost(row Row) Update {
	return Update{
		Name: "repost",
		When: []Guard{{in(row.Status), is(fieldFence, row.Fence)}},
		Add:  map[Field]int64{fieldReposts: 1},
	}
}

// Resend marks that the reconciler sends a hint again. It never changes a status.
func Resend(row Row, now time.Time) Update {
	g := seen(row)
	if row.Hints == 0 {
		g = g.and(missing(fieldHints))
	} else {
		g = g.and(is(fieldHints, int64(row.Hints)))
	}
	return Update{
		Name: "resend",
		When: []Guard{g},
		Set:  map[Field]any{fieldHintAt: millis(now)},
		Add:  map[Field]int64{fieldHints: 1},
	}
}
