package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
)

// request is one request with the dead letters that name it, or one dead letter that
// names none.
type request struct {
	key lifecycle.Key // zero for a dead letter that nobody can read
	// row is the request's, if it exists.
	row    lifecycle.Row
	exists bool
	// dead are its dead letters; an open request may have none.
	dead []letter
	step step
	done string // what became of it
}

// step is what is to be done about a request.
type step string

const (
	stepNone    step = ""
	stepSend    step = "send a hint"
	stepDelete  step = "delete: it has ended"
	stepForget  step = "delete: no such request"
	stepWait    step = "keep: not due yet"
	stepKeep    step = "keep: unreadable, unless -discard"
	stepDiscard step = "discard: unreadable"
)

// due reports whether a hint would be taken now, and since when or from when on.
func due(row lifecycle.Row, now time.Time) (since time.Time, is bool) {
	since, _ = lifecycle.Stale(row, now)
	return since, !since.After(now)
}

// open reports whether the request may still want work.
func (r request) open(now time.Time) bool {
	return r.exists && !r.row.Status.Terminal() && !r.row.Expired(now)
}

func (r request) readable() bool { return r.key != lifecycle.Key{} }

// decide says what is to be done about a request that was selected.
func (r request) decide(discard bool, now time.Time) step {
	switch {
	case !r.readable() && discard:
		return stepDiscard
	case !r.readable():
		return stepKeep
	case r.open(now):
		if _, is := due(r.row, now); is {
			return stepSend
		}
		return stepWait
	case len(r.dead) == 0:
		return stepNone
	case r.exists:
		return stepDelete
	default:
		return stepForget
	}
}

// selection says which dead letters and open requests are meant: one of the three.
type selection struct {
	ids       []string
	olderThan time.Duration
	all       bool
}

func (s selection) validate() error {
	given := 0
	for _, is := range []bool{len(s.ids) > 0, s.olderThan != 0, s.all} {
		if is {
			given++
		}
	}
	if given != 1 {
		return errors.New("say which with one of -id, -older-than and -all")
	}
	if s.olderThan < 0 {
		return fmt.Errorf("-older-than is %s: it must be above zero", s.olderThan)
	}
	return nil
}

// of are the requests that are meant and that something can be said about, with what is to
// be done.
func (s selection) of(all []request, discard bool, now time.Time) []request {
	var chosen []request
	for _, r := range all {
		if !s.selects(r, now) {
			continue
		}
		if r.step = r.decide(discard, now); r.step != stepNone {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

// changes reports whether anything is to be done about some requests.
func changes(some []request) bool {
	return slices.ContainsFunc(some, func(r request) bool { return r.step != stepWait && r.step != stepKeep })
}

// selects reports whether the operator means this request.
func (s selection) selects(r request, now time.Time) bool {
	switch {
	case s.all:
		return true
	case len(s.ids) > 0:
		return slices.ContainsFunc(s.ids, r.named)
	}
	for _, l := range r.dead {
		if !l.sent.IsZero() && now.Sub(l.sent) > s.olderThan {
			return true
		}
	}
	if !r.open(now) {
		return false
	}
	since, _ := due(r.row, now)
	return now.Sub(since) > s.olderThan
}

// named reports whether an id is the request's, or that of a dead letter nobody can read.
func (r request) named(id string) bool {
	if r.readable() {
		return r.key.ID == id
	}
	return slices.ContainsFunc(r.dead, func(l letter) bool { return l.message == id })
}

// missing are the ids that name nothing here.
func (s selection) missing(all []request) []string {
	var none []string
	for _, id := range s.ids {
		if !slices.ContainsFunc(all, func(r request) bool { return r.named(id) }) {
			none = append(none, id)
		}
	}
	return none
}

// gather puts the dead letters to their requests: first those with dead letters, the
// oldest first, then the others that are open, in their order.
func gather(letters []letter, rows map[lifecycle.Key]lifecycle.Row, open []lifecycle.Row) []request {
	letters = slices.SortedStableFunc(slices.Values(letters), func(a, b letter) int { return a.sent.Compare(b.sent) })
	var all []request
	at := map[lifecycle.Key]int{}
	for _, l := range letters {
		if l.unreadable != nil {
			all = append(all, request{dead: []letter{l}})
			continue
		}
		i, seen := at[l.key]
		if !seen {
			row, exists := rows[l.key]
			i = len(all)
			at[l.key], all = i, append(all, request{key: l.key, row: row, exists: exists})
		}
		all[i].dead = append(all[i].dead, l)
	}
	open = slices.SortedStableFunc(slices.Values(open), func(a, b lifecycle.Row) int { return cmp.Compare(a.CreatedAt, b.CreatedAt) })
	for _, row := range open {
		if _, seen := at[row.Key()]; !seen {
			all = append(all, request{key: row.Key(), row: row, exists: true})
		}
	}
	return all
}
