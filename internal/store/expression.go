package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
)

// expression renders guards and changes for DynamoDB. Every name and value goes by a
// placeholder: "status" and "user" are reserved words.
type expression struct {
	names  map[string]string
	values item
	err    error
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, values: item{}}
}

func (e *expression) name(f lifecycle.Field) string {
	p := "#" + string(f)
	e.names[p] = string(f)
	return p
}

func (e *expression) value(v any) string {
	av, err := attributevalue.Marshal(v)
	if err != nil && e.err == nil {
		e.err = fmt.Errorf("encode %v: %w", v, err)
	}
	p := fmt.Sprintf(":v%d", len(e.values))
	e.values[p] = av
	return p
}

func (e *expression) set(members []string) string {
	p := fmt.Sprintf(":v%d", len(e.values))
	e.values[p] = &types.AttributeValueMemberSS{Value: members}
	return p
}

func (e *expression) condition(guards []lifecycle.Guard) string {
	var any []string
	for _, g := range guards {
		var all []string
		for _, t := range g {
			all = append(all, e.test(t))
		}
		any = append(any, "("+strings.Join(all, " AND ")+")")
	}
	if len(any) == 0 {
		pk := e.name(contract.PK)
		return "attribute_exists(" + pk + ") AND attribute_not_exists(" + pk + ")" // never holds
	}
	return strings.Join(any, " OR ")
}

func (e *expression) test(t lifecycle.Test) string {
	field := e.name(t.Field)
	if t.Op == lifecycle.Missing {
		return "attribute_not_exists(" + field + ")"
	}
	var value string
	if other, ok := t.Value.(lifecycle.Field); ok {
		value = e.name(other)
	} else {
		value = e.value(t.Value)
	}
	switch t.Op {
	case lifecycle.Contains:
		return "contains(" + field + ", " + value + ")"
	case lifecycle.Smaller:
		return "size(" + field + ") < " + value
	default:
		return field + " " + string(t.Op) + " " + value
	}
}

func (e *expression) changes(u lifecycle.Update) string {
	var set, remove, add, drop []string
	for _, f := range slices.Sorted(maps.Keys(u.Set)) {
		set = append(set, e.name(f)+" = "+e.value(u.Set[f]))
	}
	for _, f := range slices.Sorted(maps.Keys(u.Once)) {
		n := e.name(f)
		set = append(set, n+" = if_not_exists("+n+", "+e.value(u.Once[f])+")")
	}
	for _, f := range u.Remove {
		remove = append(remove, e.name(f))
	}
	for _, f := range slices.Sorted(maps.Keys(u.Add)) {
		add = append(add, e.name(f)+" "+e.value(u.Add[f]))
	}
	if len(u.Join) > 0 {
		add = append(add, e.name(u.Members())+" "+e.set(u.Join))
	}
	if len(u.Leave) > 0 {
		drop = append(drop, e.name(u.Members())+" "+e.set(u.Leave))
	}
	var clauses []string
	for _, c := range []struct {
		word  string
		parts []string
	}{{"SET", set}, {"REMOVE", remove}, {"ADD", add}, {"DELETE", drop}} {
		if len(c.parts) > 0 {
			clauses = append(clauses, c.word+" "+strings.Join(c.parts, ", "))
		}
	}
	return strings.Join(clauses, " ")
}
