package lifecycle_test

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// fields is a row as a table has it, nil being a field that is not there: in the order of
// lifecycle.Row, bytes as text, a set as its sorted members.
type fields [51]any

var columns = reflect.TypeFor[lifecycle.Row]()

var index = func() map[lifecycle.Field]int {
	m := map[lifecycle.Field]int{}
	for i := range columns.NumField() {
		name, _, _ := strings.Cut(columns.Field(i).Tag.Get("dynamodbav"), ",")
		m[lifecycle.Field(name)] = i
	}
	return m
}()

// at is where a field is.
func at(f lifecycle.Field) int {
	i, ok := index[f]
	if !ok {
		panic("no field of the row: " + string(f))
	}
	return i
}

// asFields is a row as it is stored.
func asFields(r lifecycle.Row) (f fields) {
	row := reflect.ValueOf(r)
	for i := range columns.NumField() {
		optional := strings.Contains(columns.Field(i).Tag.Get("dynamodbav"), "omitempty")
		if v := row.Field(i); !optional || !v.IsZero() {
			f[i] = asStored(v.Interface())
		}
	}
	return f
}

// asStored is a value as fields has it.
func asStored(v any) any {
	switch v := reflect.ValueOf(v); {
	case v.CanInt():
		return v.Int()
	case v.Kind() == reflect.String:
		return v.String()
	case v.Type() == reflect.TypeFor[[]byte]():
		return string(v.Bytes())
	case v.Type() == reflect.TypeFor[[]string]():
		return strings.Join(slices.Sorted(slices.Values(v.Interface().([]string))), " ")
	default:
		return v.Interface()
	}
}

// row is what the engine is given to decide on.
func (r *fields) row() (row lifecycle.Row) {
	to := reflect.ValueOf(&row).Elem()
	for _, f := range tracked {
		i := at(f)
		switch v := r[i].(type) {
		case int64:
			to.Field(i).SetInt(v)
		case string:
			to.Field(i).SetString(v)
		}
	}
	return row
}

// tracked are the fields that the model keeps: guards look at them, or rules are about
// them.
var tracked = []lifecycle.Field{
	"status", "fence", "attempt", "max_attempts", "deadline_at", "lease_until", "next_at", "cancel_at", "continued_at", "continuations",
	"carrier", "owner", "seq", "ended_at", "ttl", "open_shard", "hints", "hint_at", "handed", "notice", "created_at",
}

// String has what is there.
func (r fields) String() string {
	var parts []string
	for i, v := range r {
		if v != nil {
			parts = append(parts, fmt.Sprintf("%s=%v", columns.Field(i).Name, v))
		}
	}
	return strings.Join(parts, " ")
}

func (r *fields) has(f lifecycle.Field) bool { return r[at(f)] != nil }

func (r *fields) num(f lifecycle.Field) int64 {
	n, _ := r[at(f)].(int64)
	return n
}

func (r *fields) str(f lifecycle.Field) string {
	s, _ := r[at(f)].(string)
	return s
}

// watchers are the members of the set.
func (r *fields) watchers() []string { return strings.Fields(r.str(lifecycle.Watchers)) }

// snapshot is what of a row those look at who read it and write later.
func (r *fields) snapshot() fields {
	var s fields
	for _, f := range []lifecycle.Field{"status", "fence", "lease_until", "hints"} {
		s[at(f)] = r[at(f)]
	}
	return s
}

// holds evaluates guards as a table would.
func (r *fields) holds(when []lifecycle.Guard) bool {
	return slices.ContainsFunc(when, func(g lifecycle.Guard) bool {
		return !slices.ContainsFunc(g, func(t lifecycle.Test) bool { return !r.passes(t) })
	})
}

// not before a comparison turns it round: no transition has that, but mutants do.
const not lifecycle.Op = "not "

func (r *fields) passes(t lifecycle.Test) bool {
	if op, turned := strings.CutPrefix(string(t.Op), string(not)); turned {
		return !r.passes(lifecycle.Test{Field: t.Field, Op: lifecycle.Op(op), Value: t.Value})
	}
	stored := r[at(t.Field)]
	if t.Op == lifecycle.Missing || stored == nil {
		return t.Op == lifecycle.Missing && stored == nil
	}
	value := t.Value
	if other, ok := value.(lifecycle.Field); ok {
		value = r[at(other)]
	}
	switch t.Op {
	case lifecycle.Is:
		return stored == value
	case lifecycle.Contains:
		return slices.Contains(r.watchers(), value.(string))
	case lifecycle.Smaller:
		return int64(len(r.watchers())) < value.(int64)
	}
	a, isA := stored.(int64)
	b, isB := value.(int64)
	if !isA || !isB {
		return false
	}
	switch t.Op {
	case lifecycle.Less:
		return a < b
	case lifecycle.AtMost:
		return a <= b
	case lifecycle.Above:
		return a > b
	}
	panic("unknown comparison " + string(t.Op))
}

// with is the row after an update's changes.
func (r fields) with(u lifecycle.Update) fields {
	for f, v := range u.Set {
		r[at(f)] = asStored(v)
	}
	for f, v := range u.Once {
		if i := at(f); r[i] == nil {
			r[i] = asStored(v)
		}
	}
	for f, n := range u.Add {
		r[at(f)] = r.num(f) + n
	}
	for _, f := range u.Remove {
		r[at(f)] = nil
	}
	if len(u.Join)+len(u.Leave) > 0 {
		set := slices.DeleteFunc(append(r.watchers(), u.Join...), func(c string) bool { return slices.Contains(u.Leave, c) })
		slices.Sort(set)
		r[at(lifecycle.Watchers)] = nil
		if len(set) > 0 {
			r[at(lifecycle.Watchers)] = asStored(slices.Compact(set))
		}
	}
	return r
}

// kept is what of a row the model keeps.
func (r *fields) kept() (k fields) {
	for _, f := range tracked {
		k[at(f)] = r[at(f)]
	}
	if k.has("hints") {
		k[at("hints")] = int64(1) // how many does not matter here, and would have no end
	}
	return k
}

// A rowID stands for a row that was met; states share the equal ones.
type rowID uint16

type stored struct {
	fields
	lifecycle.Row
	reached bool // by a state, not only a part that somebody read
	carrier int8 // the message, -1 without one
	// plain is the row that stands for it once names do not matter, and once it has ended
	// nothing but how and what its carrier was.
	plain rowID
}

// keep gives a row its id.
func (m *model) keep(f fields) rowID {
	if id, known := m.ids[f]; known {
		return id
	}
	id := rowID(len(m.rows))
	if len(m.rows) == mostRows {
		m.fail(len(m.first)-1, "more rows than a scene should have")
	}
	r := &stored{fields: f, Row: f.row(), plain: id, carrier: int8(slices.Index(names[:], f.str("carrier")))}
	m.ids[f] = id
	m.rows = append(m.rows, r)
	if r.Status.Terminal() {
		var end fields
		end[at("status")], end[at("carrier")], end[at("notice")] = f[at("status")], f[at("carrier")], f[at("notice")]
		f = end
	}
	if r.carrier > 0 {
		f[at("carrier")] = names[0]
	}
	r.plain = m.keep(f)
	return id
}

// model is the graph of the states that a scene can come to.
type model struct {
	scene  scene
	mutate func(lifecycle.Update) lifecycle.Update

	ids     map[fields]rowID
	rows    []*stored
	results map[attempt]result
	checked map[[2]rowID]bool

	known map[state]int32
	list  []state
	cause []int32        // the state that each was first reached from
	edges []int32        // to where, all those from one state together
	first []int32        // of each state's edges
	read  map[rowID]bool // snapshots
}

// attempt is a call on a row, result what came of it.
type attempt struct {
	row rowID
	call
}

type result struct {
	row     rowID
	held    bool
	offered bool // there was such an update
}

// violation is a rule that does not hold, and how it came to that.
type violation struct{ rule, path string }

func (v violation) Error() string { return v.rule + ": " + v.path }

// So many states and rows no scene has: something would have no end.
const (
	most     = 5_000_000
	mostRows = 5_000
)

// explore finds every state that a scene can come to.
func explore(s scene, mutate func(lifecycle.Update) lifecycle.Update) (m *model, err error) {
	m = &model{
		scene: s, mutate: mutate, ids: map[fields]rowID{}, results: map[attempt]result{}, checked: map[[2]rowID]bool{},
		known: map[state]int32{}, read: map[rowID]bool{},
	}
	defer func() {
		switch broken := recover().(type) {
		case nil:
		case violation:
			err = broken
		default:
			panic(broken)
		}
	}()
	m.move(-1, m.start())
	for n := 0; n < len(m.list); n++ {
		if n == most {
			m.fail(n, "more states than a scene should have")
		}
		m.first = append(m.first, int32(len(m.edges)))
		m.steps(n)
	}
	m.first = append(m.first, int32(len(m.edges)))
	return m, nil
}

// move is one step from a state to another.
func (m *model) move(from int, to state) {
	// That nothing holds for a request that has ended is for refused to check.
	if from >= 0 && to.row != m.list[from].row && !m.rows[m.list[from].row].Status.Terminal() {
		m.check(from, to.row)
	}
	m.rows[to.row].reached = true
	to = m.canonical(to)
	n, known := m.known[to]
	if !known {
		n = int32(len(m.list))
		m.known[to] = n
		m.list = append(m.list, to)
		m.cause = append(m.cause, int32(from))
	}
	if from >= 0 {
		m.edges = append(m.edges, n)
	}
}

// try makes an update of a state's row if it holds.
func (m *model) try(s *state, c call) result {
	on := attempt{s.row, c}
	r, known := m.results[on]
	if !known {
		u := m.update(c)
		r = result{row: s.row, offered: u.When != nil}
		if row := m.rows[s.row]; row.holds(u.When) {
			after := row.with(u)
			r.held, r.row = true, m.keep(after.kept())
		}
		m.results[on] = r
	}
	s.row = r.row
	return r
}

func (m *model) fail(n int, rule string) { panic(violation{rule, m.path(n)}) }

// path tells how a state is reached.
func (m *model) path(n int) string {
	var steps []string
	for at := int32(n); at >= 0; at = m.cause[at] {
		s := m.list[at]
		steps = append(steps, fmt.Sprintf("%v queue %b workers %v canceller %v reconciler %v told %v",
			m.rows[s.row].fields, s.queue, s.workers, s.canceller.phase, s.reconciler.phase, s.told)+s.outside.String())
	}
	slices.Reverse(steps)
	return "\n" + strings.Join(steps, "\n")
}

// reaches checks that from every state one can be reached for which good holds.
func (m *model) reaches(what string, good func(state) bool) error {
	can := make([]bool, len(m.list))
	for more := true; more; {
		more = false
		for n := len(can) - 1; n >= 0; n-- {
			if !can[n] && (good(m.list[n]) || slices.ContainsFunc(m.edges[m.first[n]:m.first[n+1]], func(to int32) bool { return can[to] })) {
				can[n], more = true, true
			}
		}
	}
	if n := slices.Index(can, false); n >= 0 {
		return violation{"no way to " + what, m.path(n)}
	}
	return nil
}

// canonical is the one of all the states that differ in nothing that matters which stands
// for them. Workers have no names, nor have messages but for the carrier. Whoever was
// overtaken can as well begin anew, see overtaken.
func (m *model) canonical(s state) state {
	row := m.rows[s.row]
	for i := range s.workers {
		w := &s.workers[i]
		switch {
		case w.phase == running && m.overtaken(row, call{what: pulse, fence: w.fence}),
			w.phase == finishing && m.overtaken(row, call{what: end, seen: w.seen}):
			*w = actor{}
		case w.phase == unheard && row.Owner != owner(w.fence):
			w.fence = lost
		}
	}
	if row.Status.Terminal() && s.canceller.phase != telling {
		s.canceller = actor{phase: done}
	}
	if s.late.what != none && m.overtaken(row, s.late) {
		s.late = call{}
	}
	if s.canceller.phase == read && m.overtaken(row, call{what: cancel, seen: s.canceller.seen}) {
		s.canceller = actor{}
	}
	if s.reconciler.phase == read && m.overtaken(row, call{what: resend, seen: s.reconciler.seen}) {
		s.reconciler = actor{}
	}
	s.outside = m.canonicalOutside(row, s.outside)
	carrier := row.carrier
	s.row = row.plain
	var best state
	found := false
	for _, to := range permutations {
		if carrier >= 0 && to[carrier] != 0 {
			continue
		}
		c := s
		c.queue = 0
		for message := range int8(messages) {
			if s.queue.has(message) {
				c.queue = c.queue.with(to[message])
			}
		}
		if c.late.what != none {
			c.late.message = to[c.late.message]
		}
		for i := range c.workers {
			if w := &c.workers[i]; w.phase != idle {
				w.message = to[w.message]
			}
			for j := i; j > 0 && c.workers[j].key() < c.workers[j-1].key(); j-- {
				c.workers[j], c.workers[j-1] = c.workers[j-1], c.workers[j]
			}
		}
		if !found || c.before(best) {
			best, found = c, true
		}
	}
	return best
}

// overtaken says that a call comes too late: a later claim was made, or the row is not
// any more what was read, or it has ended. No such call may ever hold, which refused
// checks for every row; that is why who makes one needs no place in a state.
func (m *model) overtaken(row *stored, c call) bool {
	switch seen := m.rows[c.seen]; c.what {
	case claim:
		return row.Status.Terminal()
	case resume:
		return !row.Continued() || seen.Fence != row.Fence
	case takeOver:
		return row.Status != protocol.Processing || seen.Fence != row.Fence || row.Handed != int64(c.message)
	case end, cancel, resend:
		return row.Status.Terminal() || seen.Fence != row.Fence || seen.Status != row.Status
	default:
		return row.Status != protocol.Processing || int64(c.fence) != row.Fence
	}
}

// refused checks that no call holds that comes too late, in any row.
func (m *model) refused() error {
	var calls []call
	most := int8(0)
	for id, row := range m.rows {
		most = max(most, int8(row.Fence))
		if m.read[rowID(id)] {
			for _, what := range []what{resume, end, cancel, resend} {
				calls = append(calls, call{what: what, seen: rowID(id), reason: int8(lifecycle.ReasonOverdue)})
			}
		}
	}
	for fence := int8(0); m.scene.remotes > 0 && fence <= most; fence++ {
		for seen := range m.read {
			calls = append(calls, call{what: takeOver, message: fence, seen: seen})
		}
	}
	for fence := range most + 1 {
		for _, what := range []what{claim, pulse, complete, fail, cancelled, retry, goOn, handOver} {
			calls = append(calls, call{what: what, fence: fence})
		}
	}
	for _, c := range calls {
		u := m.update(c)
		for _, row := range m.rows {
			if row.reached && row.carrier <= 0 && m.overtaken(row, c) && row.holds(u.When) {
				return violation{u.Name + " holds though it comes too late", fmt.Sprintf("%+v on %v", c, row.fields)}
			}
		}
	}
	return nil
}

// look is what somebody reads, to write later.
func (m *model) look(s state) rowID {
	seen := m.keep(m.rows[s.row].snapshot())
	m.read[seen] = true
	return seen
}

// key and before put actors, and states of one row, in some order.
func (a actor) key() uint64 {
	return uint64(a.phase)<<40 | uint64(a.message)<<32 | uint64(uint8(a.fence))<<24 | uint64(a.reason)<<16 | uint64(a.seen)
}

func (s state) before(t state) bool {
	for i := range s.workers {
		if a, b := s.workers[i].key(), t.workers[i].key(); a != b {
			return a < b
		}
	}
	return cmp.Or(cmp.Compare(s.queue, t.queue), cmp.Compare(s.late.message, t.late.message)) < 0
}

// permutations are all ways to rename the messages.
var permutations = func() (all [][messages]int8) {
	for a := range int8(messages) {
		for b := range int8(messages) {
			if c := int8(0+1+2) - a - b; a != b {
				all = append(all, [messages]int8{a, b, c})
			}
		}
	}
	return all
}()
