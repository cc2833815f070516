package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// checkReleased compares what travels with the schema of the last release. Its error names
// everything that would break a client of then.
func (w *wire) checkReleased(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var released, current jsonschema.Schema
	if err := json.Unmarshal(text, &released); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	now, err := w.document()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(now, &current); err != nil {
		return err
	}
	problems := breaks(&released, &current)
	if problems != nil {
		return fmt.Errorf("clients of the last release would break:\n\t%s", strings.Join(problems, "\n\t"))
	}
	return nil
}

// breaks lists what is in one document's way to replace another. A client of then sends what
// it sent, and receives what is sent now: neither may be more than the other side takes.
func breaks(released, current *jsonschema.Schema) []string {
	sent := comparison{from: released.Defs, to: current.Defs, sent: true, seen: map[[2]*jsonschema.Schema]bool{}}
	received := comparison{from: current.Defs, to: released.Defs, seen: map[[2]*jsonschema.Schema]bool{}}
	for _, message := range released.AnyOf {
		if name := named(message); name != "Frame" && current.Defs[name] == nil {
			sent.problem(name, "removed")
		} else if name != "Frame" {
			sent.compare(name, released.Defs[name], current.Defs[name])
		}
	}
	for _, frame := range released.Defs["Frame"].OneOf {
		if name := named(frame); current.Defs[name] == nil {
			received.problem(name, "removed")
		} else {
			received.compare(name, current.Defs[name], released.Defs[name])
		}
	}
	if actions := released.Defs["Actions"]; actions != nil {
		for name, action := range actions.Properties {
			var its *jsonschema.Schema
			if current.Defs["Actions"] != nil {
				its = current.Defs["Actions"].Properties[name]
			}
			if its == nil {
				sent.problem(name, "removed")
				continue
			}
			sent.compare(name+".payload", action.Properties["payload"], its.Properties["payload"])
			received.compare(name+".result", its.Properties["result"], action.Properties["result"])
		}
	}
	problems := slices.Concat(sent.problems, received.problems, codesGone(released, current), limitsNarrowed(released, current))
	slices.Sort(problems)
	return slices.Compact(problems)
}

func named(ref *jsonschema.Schema) string { return strings.TrimPrefix(ref.Ref, refPrefix) }

func codesGone(then, now *jsonschema.Schema) (problems []string) {
	retryable := map[any]any{}
	for _, code := range now.Defs["Code"].OneOf {
		retryable[*code.Const] = code.Extra["x-retryable"]
	}
	for _, code := range then.Defs["Code"].OneOf {
		switch is, stands := retryable[*code.Const]; {
		case !stands:
			problems = append(problems, fmt.Sprintf("code %s: removed", *code.Const))
		case is != code.Extra["x-retryable"]:
			problems = append(problems, fmt.Sprintf("code %s: retryable is %v now", *code.Const, is))
		}
	}
	return problems
}

// limitsNarrowed finds limits that are tighter now. What they are for says their name.
func limitsNarrowed(then, now *jsonschema.Schema) (problems []string) {
	limits := func(s *jsonschema.Schema) map[string]float64 {
		values := map[string]float64{}
		of, _ := s.Extra["x-limits"].(map[string]any)
		for name, limit := range of {
			values[name], _ = limit.(map[string]any)["value"].(float64)
		}
		return values
	}
	current := limits(now)
	for name, was := range limits(then) {
		is, stands := current[name]
		switch {
		case !stands:
			problems = append(problems, fmt.Sprintf("limit %s: removed", name))
		case strings.HasPrefix(name, "MAX_") && is < was, strings.HasPrefix(name, "MIN_") && is > was:
			problems = append(problems, fmt.Sprintf("limit %s: %s now, was %s", name, digits(is), digits(was)))
		}
	}
	return problems
}

// comparison finds what one side sends and the other does not take.
type comparison struct {
	from, to map[string]*jsonschema.Schema // the definitions of who sends, and of who takes
	sent     bool                          // by the client; else it receives
	seen     map[[2]*jsonschema.Schema]bool
	problems []string
}

func (c *comparison) problem(at, format string, args ...any) {
	c.problems = append(c.problems, at+": "+fmt.Sprintf(format, args...))
}

func (c *comparison) compare(at string, from, to *jsonschema.Schema) {
	pair := [2]*jsonschema.Schema{from, to}
	if c.seen[pair] {
		return
	}
	c.seen[pair] = true
	takes := alternatives(c.to, to)
	for _, one := range alternatives(c.from, from) {
		same := slices.IndexFunc(takes, func(other *jsonschema.Schema) bool { return sameKind(one, other) })
		if same < 0 {
			c.problem(at, "%s is sent where %s is taken", kinds(one), kinds(takes...))
			continue
		}
		c.compareOne(at, one, takes[same])
	}
}

// alternatives are the kinds of values that a schema takes, each a schema without references
// that is one type, one value, or everything.
func alternatives(defs map[string]*jsonschema.Schema, s *jsonschema.Schema) (all []*jsonschema.Schema) {
	switch {
	case s.Ref != "":
		return alternatives(defs, defs[named(s)])
	case s.AllOf != nil:
		return []*jsonschema.Schema{merged(defs, s)}
	case s.AnyOf != nil || s.OneOf != nil:
		for _, one := range slices.Concat(s.AnyOf, s.OneOf) {
			all = append(all, alternatives(defs, one)...)
		}
		return all
	case s.Enum != nil:
		for _, value := range s.Enum {
			all = append(all, &jsonschema.Schema{Const: &value})
		}
		return all
	case s.Types != nil:
		for _, kind := range s.Types {
			one := *s
			one.Types, one.Type = nil, kind
			all = append(all, &one)
		}
		return all
	}
	return []*jsonschema.Schema{s}
}

// merged is an object that narrows others.
func merged(defs map[string]*jsonschema.Schema, s *jsonschema.Schema) *jsonschema.Schema {
	all := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
	for _, base := range s.AllOf {
		maps.Copy(all.Properties, defs[named(base)].Properties)
		all.Required = append(all.Required, defs[named(base)].Required...)
	}
	maps.Copy(all.Properties, s.Properties)
	all.Required = append(all.Required, s.Required...)
	return all
}

// sameKind reports whether one side's values may be among the other's at all.
func sameKind(from, to *jsonschema.Schema) bool {
	switch {
	case everything(to):
		return true
	case to.Const != nil:
		return from.Const != nil && reflect.DeepEqual(*from.Const, *to.Const)
	case from.Const != nil:
		return to.Type == kindOf(*from.Const)
	}
	return from.Type == to.Type || from.Type == "integer" && to.Type == "number"
}

func everything(s *jsonschema.Schema) bool { return s.Type == "" && s.Const == nil }

func kindOf(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case nil:
		return "null"
	}
	return "number"
}

// kinds says what is sent or taken.
func kinds(of ...*jsonschema.Schema) string {
	var all []string
	for _, s := range of {
		switch {
		case s.Const != nil:
			all = append(all, literal(*s.Const))
		case s.Type != "":
			all = append(all, s.Type)
		default:
			all = append(all, "anything")
		}
	}
	return strings.Join(all, " or ")
}

// compareOne compares values of one kind.
func (c *comparison) compareOne(at string, from, to *jsonschema.Schema) {
	if from.Const != nil || everything(to) {
		return
	}
	c.bound(at, "the least value", from.Minimum, to.Minimum, -1)
	c.bound(at, "the greatest value", from.Maximum, to.Maximum, 1)
	c.bound(at, "the least length", number(from.MinLength), number(to.MinLength), -1)
	c.bound(at, "the greatest length", number(from.MaxLength), number(to.MaxLength), 1)
	c.bound(at, "the least number of items", number(from.MinItems), number(to.MinItems), -1)
	c.bound(at, "the greatest number of items", number(from.MaxItems), number(to.MaxItems), 1)
	for what, texts := range map[string][2]string{
		"the pattern": {from.Pattern, to.Pattern}, "the format": {from.Format, to.Format}, "the encoding": {from.ContentEncoding, to.ContentEncoding},
	} {
		if texts[1] != "" && texts[0] != texts[1] {
			c.problem(at, "%s is %q where %q is taken", what, texts[0], texts[1])
		}
	}
	if from.Items != nil && to.Items != nil {
		c.compare(at+"[]", from.Items, to.Items)
	}
	if from.Properties == nil && to.Properties == nil && from.AdditionalProperties != nil && to.AdditionalProperties != nil {
		c.compare(at+".*", from.AdditionalProperties, to.AdditionalProperties)
		return
	}
	c.compareMembers(at, from, to)
}

func number(n *int) *float64 {
	if n == nil {
		return nil
	}
	return jsonschema.Ptr(float64(*n))
}

func digits(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// bound compares limits of which the greater, or the lesser if sign is -1, is the wider.
func (c *comparison) bound(at, what string, from, to *float64, sign float64) {
	if to != nil && (from == nil || sign**from > sign**to) {
		sent := "not limited"
		if from != nil {
			sent = digits(*from)
		}
		c.problem(at, "%s is %s where %s is taken", what, sent, digits(*to))
	}
}

func (c *comparison) compareMembers(at string, from, to *jsonschema.Schema) {
	old, current := to, from // of what a client receives
	if c.sent {
		old, current = from, to
	}
	for name := range old.Properties {
		if current.Properties[name] == nil {
			c.problem(at+"."+name, "removed")
		}
	}
	for name, s := range from.Properties {
		if to.Properties[name] != nil {
			c.compare(at+"."+name, s, to.Properties[name])
		}
	}
	for _, name := range to.Required {
		switch {
		case slices.Contains(from.Required, name):
		case c.sent:
			c.problem(at+"."+name, "required now")
		case from.Properties[name] != nil:
			c.problem(at+"."+name, "may be absent now")
		}
	}
}
