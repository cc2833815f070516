package simulation

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// bug is something that is wrong with the world, in the place of something that could be
// wrong with the code.
type bug struct {
	name string
	// found is a part of what must be said about it.
	found string
	// plan, if set, changes what goes wrong besides, so that the bug has its occasion and
	// nothing else heals it.
	plan   func(*plan)
	update func(lifecycle.Update) lifecycle.Update
	create func(*world, *lifecycle.Row)
	// message changes what a client sends.
	message func(body string) string
	post    func(protocol.Frame) protocol.Frame
	// identity changes what the authorizer said, object the key of an object in S3.
	identity func(person) person
	job      func(*job) // what is asked for
	object   func(key string) string
	effect   func(name string) string
	// swallow says which frames are not posted, and nobody is told.
	swallow func(protocol.Frame) bool

	recordsLost  bool // all of them
	noReconciler bool
	sendsIgnored bool // that they failed
	sendsLost    bool // now and then
	deletesFirst bool // messages, as they are delivered
	keepsNothing bool // of the messages that a processor wants to stay
	throttled    bool // that a post was is not told

	// read changes a row as a process gets to see it.
	read func(lifecycle.Row) lifecycle.Row
	// expiry changes the moment by which the table takes a row for expired.
	expiry func(now time.Time) time.Time

	indexBlind    bool // the index never learns of anything
	indexBelieved bool // it shows rows as they were, and nobody looks at the table
	listBelieved  bool // and so does that of a user's requests

	entry      func(store.Entry) store.Entry // that is put into a ledger
	seesNoRows bool                          // of those that a ledger names

	forgetsEffects bool
	trustsUploads  bool // whatever was announced
	putsIgnored    bool // that they failed
	mixesPayloads  bool // of requests with one id
	answersTwice   bool
	answersNever   bool
	stores         bool // the sync action like an async one
}

// copies is how often an answer goes out.
func (b bug) copies() int {
	switch {
	case b.answersTwice:
		return 2
	case b.answersNever:
		return 0
	}
	return 1
}

// planted are the bugs that must be found. Each stands for a line of the code that holds
// a promise; the comments say which.
var planted = []bug{
	// lifecycle: owned.
	{name: "the owner's writes do not look at the fence", found: "fenced off", update: without("fence", "pulse", "complete", "fail", "cancelled", "retry", "save", "continue")},
	// lifecycle: owned.
	{name: "terminal writes do not look at the status", found: "second terminal transition", update: without("status", "complete", "fail", "cancelled", "end")},
	// lifecycle: seen.
	{name: "ending does not look at what was read", found: "a terminal state changes", update: free("end"), plan: func(p *plan) { p.cancels, p.odds[slow] = 0.5, 0.1 }},
	// lifecycle: Claim.
	{name: "a claim does not look at the lease", found: "the lease lasts", update: without("lease_until", "claim")},
	{name: "a claim does not look at the back-off", found: "before its time", update: without("next_at", "claim")},
	{name: "a claim does not look at the attempts", found: "attempt", update: without("attempt", "claim")},
	{name: "a claim does not look at the status", found: "terminal", update: free("claim")},
	{name: "a claim does not raise the fence", found: "the fence stays", update: unchanged("fence", "claim")},
	{name: "a claim does not raise the attempt", found: "the attempt stays", update: unchanged("attempt", "claim")},
	{name: "a pulse does not renew the lease", found: "nothing went wrong", update: unchanged("lease_until", "pulse"), plan: (*plan).hush},
	{name: "a cancelled request goes on", found: "it was cancelled", update: without("cancel_at", "claim")},
	// lifecycle: Vacant.
	{name: "a request is put over another", found: "over one", create: func(w *world, row *lifecycle.Row) {
		if _, stands := w.rows[row.PK]; stands {
			w.table.forget(row.Key())
		}
	}},
	{name: "what expires is never over", found: "is told UNAVAILABLE", plan: (*plan).live, expiry: func(time.Time) time.Time { return time.Time{} }},
	{name: "what ends is over at once", found: "over one", expiry: func(now time.Time) time.Time { return now.Add(lifecycle.Retention) }},
	// lifecycle: Row.Expired; router: own, watch, unsubscribe.
	{name: "what expired is shown until it vanishes", found: "although it had expired", plan: (*plan).live, read: func(row lifecycle.Row) lifecycle.Row {
		row.TTL = 0
		return row
	}},
	// executor: effect.
	{name: "the effects of what expired are those of what comes after", found: "which charged what expired", plan: (*plan).live, effect: replaced(`^[0-9]+#`, ""), job: func(j *job) { j.Kind, j.Pad = marathon, "" }},
	// lifecycle: KeyedID.
	{name: "an idempotency key makes a new request", found: "has brought in", plan: func(p *plan) { p.odds[doneButFailed] = 0.1 }, message: func(body string) string {
		return regexp.MustCompile(`"idempotency_key":"[^"]*",?`).ReplaceAllString(body, "")
	}},
	// lifecycle: Watch.
	{name: "subscribing does not register", found: "was not told", update: func(u lifecycle.Update) lifecycle.Update {
		u.Join = nil
		return u
	}},
	// lifecycle: Seq.
	{name: "each claim counts its frames from one", found: "which is", post: renumbered(func(seq int64) int64 { return seq % 1_000_000 })},
	{name: "all frames of a claim have one number", found: "stood for", post: renumbered(func(seq int64) int64 { return seq / 1_000_000 * 1_000_000 })},
	// progress: Tracker.Close.
	{name: "progress is numbered above the end", found: "which ended with", post: func(f protocol.Frame) protocol.Frame {
		if p, ok := f.(protocol.Progress); ok {
			p.Seq += 500_000
			return p
		}
		return f
	}},
	// executor: end, tell.
	{name: "terminal frames are swallowed", found: "was not told", swallow: func(f protocol.Frame) bool { return f.Type().Terminal() }},
	{name: "a throttled post counts as made", found: "was not told", throttled: true},
	{name: "a message is deleted before the telling", found: "was not told", deletesFirst: true, plan: func(p *plan) { p.cancels, p.odds[doneAndCrashes], p.disconnects = 0.5, 0.1, 0 }},
	// executor: ErrKeep.
	{name: "a message that must stay is deleted, and nobody reconciles", found: "is lost", keepsNothing: true, noReconciler: true},
	{name: "a message is deleted before the work, and nobody reconciles", found: "is lost", deletesFirst: true, noReconciler: true},
	// dispatcher: Handle.
	{name: "the dispatcher drops what it could not send, and nobody reconciles", found: "is lost", sendsIgnored: true, noReconciler: true},
	// executor: keeper.
	{name: "the result of an effect is not kept", found: "was charged by", forgetsEffects: true},
	// limits.
	{name: "a full ledger takes one more", found: "the limits are", plan: limited, entry: func(e store.Entry) store.Entry {
		e.Most++
		return e
	}},
	{name: "what counts is struck", found: "the limits are", plan: limited, seesNoRows: true},
	{name: "a state is not kept", found: "was saved", update: unchanged("state", "save")},
	// files: UploadKey, Uploaded; router: uploaded.
	{name: "everyone's uploads lie in one place", found: "must be refused", object: replaced(`_uploads/[^/]*/`, "_uploads/"), identity: func(p person) person {
		return person{"acme", p.user}
	}},
	{name: "what was uploaded is not checked", found: "not what was announced", trustsUploads: true, plan: func(p *plan) { p.lax = true }},
	// view: ResultKey, PayloadKey; store: payloadSK.
	{name: "every attempt's result has one place", found: "not its result", object: replaced(`_result-\d+`, "_result"), job: func(j *job) { j.Kind = large }, plan: func(p *plan) {
		p.odds[freezes] = 0.15
	}},
	{name: "every payload of an id has one place", found: "is not what it asked for", mixesPayloads: true, job: func(j *job) {
		j.Kind, j.Pad = flaky, strings.Repeat("p", 1000)
	}},
	{name: "a large document that was not stored counts as stored", found: "is told 404", putsIgnored: true},
	// router: own, call.target; lifecycle: Watch, KeyedID.
	{name: "users are not told apart", found: "crosses to", identity: func(p person) person { return person{p.tenant, "ann"} }},
	{name: "tenants are not told apart", found: "crosses to", identity: func(p person) person { return person{"acme", p.user} }},
	{name: "anyone may watch", found: "crosses to", update: anyones("watch")},
	{name: "anyone may stop another's watching", found: "must be refused", update: anyones("unwatch")},
	// router: guarded.
	{name: "a message is answered twice", found: "is answered 2 times", answersTwice: true},
	{name: "a message is not answered", found: "got no answer", answersNever: true},
	// router: act.
	{name: "a sync action is stored", found: "is answered with accepted", stores: true},
	// store: ByUser.
	{name: "a list shows what its index knows", found: "when that was asked", listBelieved: true},
	// lifecycle: Claim, HandOver, Notify, Settle.
	{name: "a claim leaves tickets good", found: "it is a processor's", update: keeping("handed", "claim"), job: handsOver, plan: func(p *plan) { p.odds[crashes] = 0.05 }},
	{name: "handing over does not raise the fence", found: "the fence stays", update: unchanged("fence", "hand over"), job: handsOver},
	{name: "taking over does not raise the fence", found: "the fence stays", update: unchanged("fence", "take over"), job: handsOver},
	{name: "the end outside is no hint", found: "was not told", update: func(u lifecycle.Update) lifecycle.Update {
		return unchanged("notice", u.Name)(u)
	}, job: handsOver, plan: func(p *plan) { p.odds[doneAndCrashes] = 0.1 }},
	// reconciler.
	{name: "nobody reconciles while records are lost", found: "is lost", recordsLost: true, noReconciler: true},
	{name: "nobody reconciles while sends are lost", found: "is lost", sendsLost: true, noReconciler: true},
	{name: "the index of open requests is empty while records are lost", found: "is lost", recordsLost: true, indexBlind: true},
	{name: "the index is believed", found: "needs none", indexBelieved: true, update: free("resend")},
	{name: "the reconciler takes every row for one that moved", found: "is lost", update: never("resend")},
}

// without drops the tests of a field from the guards of the named updates.
func without(field lifecycle.Field, names ...string) func(lifecycle.Update) lifecycle.Update {
	return dropped(func(t lifecycle.Test) bool { return t.Field == field }, names...)
}

// anyones makes the named update take any user's request for the caller's own.
func anyones(name string) func(lifecycle.Update) lifecycle.Update {
	blind := without("user", name)
	return func(u lifecycle.Update) lifecycle.Update {
		if u = blind(u); u.Name == name {
			for i, g := range u.When {
				u.When[i] = append(g, lifecycle.Test{Field: "user", Op: lifecycle.Is, Value: lifecycle.Field("user")}) // there is one
			}
		}
		return u
	}
}

// free drops all tests from the guards of the named updates.
func free(names ...string) func(lifecycle.Update) lifecycle.Update {
	return dropped(func(lifecycle.Test) bool { return true }, names...)
}

func dropped(which func(lifecycle.Test) bool, names ...string) func(lifecycle.Update) lifecycle.Update {
	return func(u lifecycle.Update) lifecycle.Update {
		if !slices.Contains(names, u.Name) {
			return u
		}
		var when []lifecycle.Guard
		for _, g := range u.When {
			when = append(when, slices.DeleteFunc(slices.Clone(g), which))
		}
		u.When = when
		return u
	}
}

// never refuses the named update.
func never(name string) func(lifecycle.Update) lifecycle.Update {
	return func(u lifecycle.Update) lifecycle.Update {
		if u.Name == name {
			u.When = nil
		}
		return u
	}
}

// unchanged drops a field from what the named update writes.
func unchanged(field lifecycle.Field, name string) func(lifecycle.Update) lifecycle.Update {
	return func(u lifecycle.Update) lifecycle.Update {
		if u.Name == name {
			u.Set, u.Add = maps.Clone(u.Set), maps.Clone(u.Add)
			delete(u.Set, field)
			delete(u.Add, field)
		}
		return u
	}
}

// keeping has the named update not remove a field.
func keeping(field lifecycle.Field, name string) func(lifecycle.Update) lifecycle.Update {
	return func(u lifecycle.Update) lifecycle.Update {
		if u.Name == name {
			u.Remove = slices.DeleteFunc(slices.Clone(u.Remove), func(f lifecycle.Field) bool { return f == field })
		}
		return u
	}
}

// limited lets each user have one open request.
func limited(p *plan) { p.limit(1, 2) }

// handsOver has everything done outside.
func handsOver(j *job) { j.Kind, j.Pad = outside, "" }

// renumbered gives the frames about a request other numbers.
func renumbered(number func(int64) int64) func(protocol.Frame) protocol.Frame {
	return func(f protocol.Frame) protocol.Frame {
		switch f := f.(type) {
		case protocol.Progress:
			f.Seq = number(f.Seq)
			return f
		case protocol.RetryingFrame:
			f.Seq = number(f.Seq)
			return f
		case protocol.Complete:
			f.Seq = number(f.Seq)
			return f
		case protocol.FailedFrame:
			f.Seq = number(f.Seq)
			return f
		}
		return f
	}
}

// replaced puts something else in the place of what a pattern finds in a key.
func replaced(pattern, by string) func(string) string {
	find := regexp.MustCompile(pattern)
	return func(key string) string { return find.ReplaceAllString(key, by) }
}

// A check that checks nothing would find none of these.
func TestPlantedBugsAreFound(t *testing.T) {
	const patience = 2000
	for _, b := range planted {
		t.Run(b.name, func(t *testing.T) {
			var mu sync.Mutex
			var first uint64
			var text string
			each(t, 1, patience, b, func(t *testing.T, w *world) bool {
				i := slices.IndexFunc(w.broken, func(s string) bool { return strings.Contains(s, b.found) })
				if i < 0 {
					return false
				}
				mu.Lock()
				defer mu.Unlock()
				if first == 0 || w.seed < first {
					first, text = w.seed, w.broken[i]
				}
				return true
			})
			if first == 0 {
				t.Errorf("not found in %d seeds", patience)
				return
			}
			t.Logf("found by seed %d: %s", first, text)
		})
	}
}
