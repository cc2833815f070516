package lifecycle_test

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store/storetest"
)

// A mutant is one transition with one mistake in it: a guard, a test or a change that is
// left out, a comparison that is turned round or moved by one, another value.
type mutant struct {
	update string // its name
	what   string
	make   func(*lifecycle.Update)
}

func (m mutant) String() string { return m.update + ": " + m.what }

// mutate is what a model is given.
func (m mutant) mutate(u lifecycle.Update) lifecycle.Update {
	if u.Name != m.update {
		return u
	}
	u.When = slices.Clone(u.When)
	u.Set, u.Once, u.Add = maps.Clone(u.Set), maps.Clone(u.Once), maps.Clone(u.Add)
	u.Remove = slices.Clone(u.Remove)
	m.make(&u)
	return u
}

// mutants are all that can be made of a transition.
func mutants(u lifecycle.Update) (all []mutant) {
	add := func(make func(*lifecycle.Update), what string, args ...any) {
		all = append(all, mutant{u.Name, fmt.Sprintf(what, args...), make})
	}
	for i, g := range u.When {
		add(func(u *lifecycle.Update) { u.When = slices.Delete(u.When, i, i+1) }, "without guard %d", i)
		for _, t := range g {
			test := func(change func(*lifecycle.Guard, int)) func(*lifecycle.Update) {
				return func(u *lifecycle.Update) { // whose guards may be others, of another row
					if i >= len(u.When) {
						return
					}
					g := slices.Clone(u.When[i])
					if at := slices.IndexFunc(g, func(x lifecycle.Test) bool { return x.Field == t.Field && x.Op == t.Op }); at >= 0 {
						change(&g, at)
						u.When[i] = g
					}
				}
			}
			add(test(func(g *lifecycle.Guard, at int) { *g = slices.Delete(*g, at, at+1) }), "guard %d without %s %s", i, t.Field, t.Op)
			for how, change := range mistakes(t) {
				add(test(func(g *lifecycle.Guard, at int) { change(&(*g)[at]) }), "guard %d with %s %s %s", i, t.Field, t.Op, how)
			}
		}
	}
	for f := range u.Set {
		add(func(u *lifecycle.Update) { delete(u.Set, f) }, "does not set %s", f)
		add(func(u *lifecycle.Update) {
			if v, sets := u.Set[f]; sets {
				u.Set[f] = another(v)
			}
		}, "sets another %s", f)
	}
	for f := range u.Once {
		add(func(u *lifecycle.Update) { delete(u.Once, f) }, "does not set %s once", f)
		add(func(u *lifecycle.Update) {
			set := map[lifecycle.Field]any{f: u.Once[f]}
			maps.Copy(set, u.Set)
			u.Set = set
			delete(u.Once, f)
		}, "sets %s each time", f)
	}
	for f := range u.Add {
		add(func(u *lifecycle.Update) { delete(u.Add, f) }, "does not add to %s", f)
		add(func(u *lifecycle.Update) { u.Add[f]++ }, "adds more to %s", f)
	}
	for _, f := range u.Remove {
		add(func(u *lifecycle.Update) {
			u.Remove = slices.DeleteFunc(u.Remove, func(g lifecycle.Field) bool { return g == f })
		}, "does not remove %s", f)
	}
	if u.Join != nil {
		add(func(u *lifecycle.Update) { u.Join = nil }, "does not join")
	}
	if u.Leave != nil {
		add(func(u *lifecycle.Update) { u.Leave = nil }, "does not leave")
	}
	return all
}

// mistakes are the ways to get a comparison wrong.
func mistakes(t lifecycle.Test) map[string]func(*lifecycle.Test) {
	op := func(op lifecycle.Op) func(*lifecycle.Test) { return func(t *lifecycle.Test) { t.Op = op } }
	by := func(n int64) func(*lifecycle.Test) {
		return func(t *lifecycle.Test) { t.Value = t.Value.(int64) + n }
	}
	all := map[string]func(*lifecycle.Test){"turned round": op(not + t.Op)}
	switch t.Op {
	case lifecycle.Less:
		all["or equal"] = op(lifecycle.AtMost)
	case lifecycle.AtMost:
		all["but not equal"] = op(lifecycle.Less)
	case lifecycle.Above:
		all["or equal"] = by(-1)
	case lifecycle.Smaller:
		all["or equal"] = by(1)
	case lifecycle.Is:
		if _, number := t.Value.(int64); number {
			all["or less"] = op(lifecycle.AtMost)
		}
	}
	return all
}

// another is a value of the same kind.
func another(v any) any {
	switch v := v.(type) {
	case int64:
		return v + 1
	case float64:
		return v + 1
	case []byte:
		return append(slices.Clone(v), 0)
	default:
		return fmt.Sprint(v, "?")
	}
}

// modelled says which of the small scenes finds a mutant, empty if none does. The whole
// ones find no more, and take as long as all of these.
func (m mutant) modelled() string {
	for _, s := range small {
		model, err := explore(s, m.mutate)
		if err == nil {
			err = model.judge()
		}
		if err != nil {
			return s.name
		}
	}
	return ""
}

// tabled says which of the cases that every store is held to finds a mutant, empty if
// none does.
func (m mutant) tabled(cases []storetest.Transition) string {
	for _, c := range cases {
		row := asFields(c.Row)
		u := m.mutate(c.Update)
		held := row.holds(u.When)
		if held != (c.Want != nil) || held && row.with(u) != asFields(*c.Want) {
			return c.Name
		}
	}
	return ""
}

// equivalent are the mutants that differ from the real transition in no row that there can
// be, and why.
var equivalent = map[string]string{
	"claim: guard 1 without status =":              "a row has next_at while it is RETRYING, and only then: a rule of the model",
	"claim: guard 2 without status =":              "a row has lease_until while it is PROCESSING, and only then: a rule of the model",
	"resume: guard 0 with continued_at > or equal": "no row has a continued_at of 0",
	"cancelled: does not remove next_at":           "what runs waits for no back-off: a rule of the model",
	"complete: does not remove next_at":            "as for cancelled",
	"fail: does not remove next_at":                "as for cancelled",
	"end: guard 0 with lease_until = or less":      "under one fence a lease only becomes longer",
	"resend: guard 0 with hints = or less":         "under one fence and status hints are only counted up",
}

// beyond are mistakes in guards that come to nothing in what can happen to a request of
// the model, and why. The tables' cases find them.
var beyond = map[string]string{
	"claim: guard 0 with attempt < or equal":     "what waits for its first attempt has made none, and every action has one",
	"claim: guard 0 without attempt <":           "as above",
	"claim: guard 0 without cancel_at missing":   "what waits ends at once when it is cancelled: a rule of the model",
	"claim: guard 1 with attempt < or equal":     "a worker lets a request wait for another attempt only if one is left",
	"claim: guard 1 without attempt <":           "as above",
	"claim: guard 1 without cancel_at missing":   "what waits ends at once when it is cancelled: a rule of the model",
	"claim: guard 2 with lease_until < or equal": "a lease that is over is over by more than this moment in the model",
	"resume: guard 0 without cancel_at missing":  "what waits ends at once when it is cancelled: a rule of the model",
	"resend: guard 0 without hints =":            "there is one reconciler in the model; of two that look at once, one sends",
	"resend: guard 0 without hints missing":      "as above",

	"take over: guard 0 without created_at =":      "no request of the model has a second life under its id",
	"take over: guard 0 with created_at = or less": "as above",
}

// beside are the transitions that are not in the model: no guard of the others looks at
// what they change.
var beside = []string{"save", "watch", "unwatch", "repost", "told"}

// TestMutants plants each mistake there can be in a transition. The model has to find
// those in the guards, and the cases that every table is held to what the model does not
// look at, but for what is listed; and nothing is listed that is found.
func TestMutants(t *testing.T) {
	cases := storetest.Transitions(now)
	if name := (mutant{make: func(*lifecycle.Update) {}}).tabled(cases); name != "" {
		t.Fatalf("%s: not so", name)
	}
	planted := map[string]mutant{}
	for _, u := range updates() {
		for _, m := range mutants(u) {
			planted[m.String()] = m
		}
	}
	var mu sync.Mutex
	count := map[string]int{}
	each := func(name string, m mutant) {
		scene, table := "", m.tabled(cases)
		guard := strings.Contains(m.what, "guard") && !slices.Contains(beside, m.update)
		if guard || table == "" {
			scene = m.modelled()
		}
		mu.Lock()
		defer mu.Unlock()
		count[cmp.Or(scene, table)]++
		_, equal := equivalent[name]
		_, unseen := beyond[name]
		switch {
		case equal && scene+table != "":
			t.Errorf("%s: listed as equivalent, and found by %q and %q", name, scene, table)
		case !equal && scene+table == "":
			t.Errorf("%s: nothing finds it", name)
		case unseen && scene != "":
			t.Errorf("%s: listed as beyond the model, and found by %s", name, scene)
		case guard && !equal && !unseen && scene == "":
			t.Errorf("%s: only %q finds it", name, table)
		}
	}
	for name := range maps.Keys(equivalent) {
		if _, there := planted[name]; !there {
			t.Errorf("%s: listed, and there is no such mutant", name)
		}
	}
	for name := range maps.Keys(beyond) {
		if _, there := planted[name]; !there {
			t.Errorf("%s: listed, and there is no such mutant", name)
		}
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for name, m := range planted {
		wg.Go(func() {
			slots <- struct{}{}
			each(name, m)
			<-slots
		})
	}
	wg.Wait()
	t.Logf("%d mutants: %v", len(planted), count)
}
