package lifecycle

import (
	"cmp"

	"github.com/pay-theory/streamer/protocol"
)

// Update is one transition as data: if any of its guards holds, all its changes are
// made, in one step; else nothing is. A store returns the row as it is after the
// changes, or as it stood when no guard held.
type Update struct {
	// Name is for logs and tests.
	Name string
	// When are the guards; any of them suffices. None at all never holds.
	When []Guard
	// Set writes fields, Once writes those that are not there yet, Add adds to numbers
	// (a missing one counts as zero), Remove drops fields.
	Set    map[Field]any
	Once   map[Field]any
	Add    map[Field]int64
	Remove []Field
	// Join and Leave change the set Among, which is Watchers where it is empty. At most one
	// of them is not empty.
	Join  []string
	Leave []string
	Among Field
}

// Members is the set that Join and Leave change.
func (u Update) Members() Field { return cmp.Or(u.Among, Watchers) }

// Guard holds if all of its tests do.
type Guard []Test

// Test compares one field of the stored row.
type Test struct {
	Field Field
	Op    Op
	// Value is a string, an int64 or another Field.
	Value any
}

// Op is how a test compares.
type Op string

// The comparisons. A test on a field that is not there is false, but for Missing.
const (
	Is       Op = "="
	Less     Op = "<"
	AtMost   Op = "<="
	Above    Op = ">"
	Missing  Op = "missing"
	Contains Op = "contains" // the set has Value
	Smaller  Op = "smaller"  // the set has fewer members than Value
)

func is(f Field, v any) Test     { return Test{f, Is, v} }
func less(f Field, v any) Test   { return Test{f, Less, v} }
func atMost(f Field, v any) Test { return Test{f, AtMost, v} }
func above(f Field, v any) Test  { return Test{f, Above, v} }
func missing(f Field) Test       { return Test{f, Missing, nil} }

func in(s protocol.Status) Test { return is(fieldStatus, string(s)) }

func (g Guard) and(tests ...Test) Guard { return append(append(Guard{}, g...), tests...) }
