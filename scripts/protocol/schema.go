package main

import (
	"cmp"
	"fmt"
	"go/constant"
	"go/types"
	"reflect"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// refPrefix is where a document's named schemas are.
const refPrefix = "#/$defs/"

func ref(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: refPrefix + name} }

// schemas makes the schemas of Go types, each named type once.
type schemas struct {
	src  *source
	defs map[string]*jsonschema.Schema
	// names are those of the defs, by the types that they describe.
	names map[string]string
	// called are the words of packages, by their paths.
	called map[string]words
	// role is what the types that are made now are for.
	role role
}

// role is what a type is for.
type role int

const (
	ofFrame   role = iota // Streamer's own, in which no list is nil
	ofResult              // what handlers give, in which one may be
	ofPayload             // what clients send
)

// of is the schema of a type: a reference, if it has a name.
func (s *schemas) of(t types.Type) (*jsonschema.Schema, error) {
	t = types.Unalias(t)
	named, ok := t.(*types.Named)
	if !ok {
		return s.ofUnnamed(t)
	}
	switch types.TypeString(t, nil) {
	case protocolPath + ".Code": // handlers add their own
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{ref("Code"), {Type: "string"}}}, nil
	case "encoding/json.RawMessage":
		return &jsonschema.Schema{}, nil
	case "encoding/json.Number":
		return &jsonschema.Schema{Type: "number"}, nil
	case "time.Time":
		return &jsonschema.Schema{Type: "string", Format: "date-time"}, nil
	}
	methods := types.NewMethodSet(types.NewPointer(t))
	does := "Marshal"
	if s.role == ofPayload {
		does = "Unmarshal"
	}
	switch {
	case methods.Lookup(named.Obj().Pkg(), does+"JSON") != nil:
		return &jsonschema.Schema{}, nil
	case methods.Lookup(named.Obj().Pkg(), does+"Text") != nil:
		return &jsonschema.Schema{Type: "string"}, nil
	}
	values := constantsOf(named)
	if _, object := t.Underlying().(*types.Struct); !object && len(values) == 0 {
		return s.ofUnnamed(t.Underlying())
	}
	key := types.TypeString(t, nil)
	if name, made := s.names[key]; made {
		return ref(name), nil
	}
	name, err := s.name(named)
	if err != nil {
		return nil, err
	}
	s.names[key] = name
	s.defs[name] = nil // a type may hold itself
	made, err := s.ofUnnamed(t.Underlying())
	if err != nil {
		return nil, err
	}
	made.Enum = values
	if made.Description, err = s.describe(named.Obj()); err != nil {
		return nil, err
	}
	s.defs[name] = made
	return ref(name), nil
}

// name finds one that is free for a type: the package's name stands before one that is taken.
func (s *schemas) name(t *types.Named) (string, error) {
	name := title(t.Obj().Name())
	for arg := range t.TypeArgs().Types() {
		if inner, ok := types.Unalias(arg).(*types.Named); ok {
			name += title(inner.Obj().Name())
		} else {
			name += title(arg.String())
		}
	}
	if _, taken := s.defs[name]; taken {
		name = title(t.Obj().Pkg().Name()) + name
	}
	if _, taken := s.defs[name]; taken {
		return "", fmt.Errorf("two types are called %s: name one of them differently", name)
	}
	return name, nil
}

// title makes a name of words, each with a capital.
func title(words string) string {
	var name strings.Builder
	for _, word := range strings.FieldsFunc(words, func(r rune) bool { return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') }) {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String()
}

// constantsOf are the values of a string type's constants, in their order. A type that has
// some has no others.
func constantsOf(t *types.Named) (values []any) {
	if basic, ok := t.Underlying().(*types.Basic); !ok || basic.Info()&types.IsString == 0 {
		return nil
	}
	for _, c := range constants(t.Obj().Pkg(), t) {
		values = append(values, constant.StringVal(c.Val()))
	}
	return values
}

// constants are a package's constants of a type, in the order of the source.
func constants(pkg *types.Package, t types.Type) (found []*types.Const) {
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok && types.Identical(c.Type(), t) {
			found = append(found, c)
		}
	}
	inOrder(found)
	return found
}

// inOrder puts constants into the order of the source.
func inOrder(found []*types.Const) {
	slices.SortFunc(found, func(a, b *types.Const) int { return cmp.Compare(a.Pos(), b.Pos()) })
}

func (s *schemas) ofUnnamed(t types.Type) (*jsonschema.Schema, error) {
	switch t := t.(type) {
	case *types.Basic:
		switch info := t.Info(); {
		case info&types.IsString != 0:
			return &jsonschema.Schema{Type: "string"}, nil
		case info&types.IsBoolean != 0:
			return &jsonschema.Schema{Type: "boolean"}, nil
		case info&types.IsInteger != 0:
			return &jsonschema.Schema{Type: "integer"}, nil
		case info&types.IsFloat != 0:
			return &jsonschema.Schema{Type: "number"}, nil
		}
	case *types.Interface:
		return &jsonschema.Schema{}, nil
	case *types.Pointer:
		inner, err := s.of(t.Elem())
		return nullable(inner), err
	case *types.Slice:
		if basic, ok := t.Elem().Underlying().(*types.Basic); ok && basic.Kind() == types.Byte {
			return s.maybeNil(&jsonschema.Schema{Type: "string", ContentEncoding: "base64"}), nil
		}
		items, err := s.of(t.Elem())
		return s.maybeNil(&jsonschema.Schema{Type: "array", Items: items}), err
	case *types.Array:
		items, err := s.of(t.Elem())
		length := jsonschema.Ptr(int(t.Len()))
		return &jsonschema.Schema{Type: "array", Items: items, MinItems: length, MaxItems: length}, err
	case *types.Map:
		values, err := s.of(t.Elem())
		return s.maybeNil(&jsonschema.Schema{Type: "object", AdditionalProperties: values}), err
	case *types.Struct:
		return s.ofStruct(t)
	}
	return nil, fmt.Errorf("%s cannot be JSON", t)
}

// nullable allows null beside what a schema allows.
func nullable(s *jsonschema.Schema) *jsonschema.Schema {
	switch {
	case s == nil || s.Type == "" && s.Ref == "" && s.AnyOf == nil: // anything, null included
		return s
	case s.Type != "":
		s.Types, s.Type = []string{s.Type, "null"}, ""
		return s
	}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Type: "null"}}}
}

// maybeNil allows the null that a list or a map is written as if it is nil.
func (s *schemas) maybeNil(list *jsonschema.Schema) *jsonschema.Schema {
	if s.role == ofResult {
		return nullable(list)
	}
	return list
}

// notNull takes back what nullable did.
func notNull(s *jsonschema.Schema) *jsonschema.Schema {
	if len(s.Types) == 2 && s.Types[1] == "null" {
		s.Type, s.Types = s.Types[0], nil
	}
	if len(s.AnyOf) == 2 && s.AnyOf[1].Type == "null" {
		return s.AnyOf[0]
	}
	return s
}

func (s *schemas) ofStruct(t *types.Struct) (*jsonschema.Schema, error) {
	made := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
	if s.role == ofPayload {
		made.AdditionalProperties = &jsonschema.Schema{Not: &jsonschema.Schema{}}
	}
	members := membersOf(t)
	called := words{}
	for _, m := range members {
		called[m.field.Name()] = m.name
	}
	for _, m := range members {
		member, err := s.ofMember(m, called)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.field.Name(), err)
		}
		if _, twice := made.Properties[m.name]; twice {
			return nil, fmt.Errorf("%s: two fields are %q", m.field.Name(), m.name)
		}
		made.Properties[m.name] = member
		made.PropertyOrder = append(made.PropertyOrder, m.name)
		if !m.optional {
			made.Required = append(made.Required, m.name)
		}
	}
	return made, nil
}

func (s *schemas) ofMember(m member, called words) (*jsonschema.Schema, error) {
	made, err := s.of(m.field.Type())
	if err != nil {
		return nil, err
	}
	if m.omits {
		made = notNull(made)
	}
	if m.quoted {
		made = &jsonschema.Schema{Type: "string"}
	}
	made.Description, err = s.describe(m.field, called)
	return made, err
}

// member is one of an object.
type member struct {
	field    *types.Var
	name     string
	optional bool // it may be absent
	omits    bool // it is when it is nil
	quoted   bool // it stands in a string
	depth    int
}

// membersOf are the members that encoding/json makes of a struct: those of an embedded
// struct stand in its place, unless one of the same name stands less deep.
func membersOf(t *types.Struct) (members []member) {
	for i := range t.NumFields() {
		field := t.Field(i)
		tag, options, _ := strings.Cut(reflect.StructTag(t.Tag(i)).Get("json"), ",")
		if tag == "-" && options == "" {
			continue
		}
		inner := field.Type()
		if pointer, ok := inner.(*types.Pointer); ok {
			inner = pointer.Elem()
		}
		if embedded, ok := inner.Underlying().(*types.Struct); ok && field.Embedded() && tag == "" {
			for _, m := range membersOf(embedded) {
				m.depth++
				m.optional = m.optional || inner != field.Type() // a nil pointer has no members
				members = append(members, m)
			}
			continue
		}
		if !field.Exported() {
			continue
		}
		has := func(option string) bool { return slices.Contains(strings.Split(options, ","), option) }
		omits := has("omitempty") || has("omitzero")
		members = append(members, member{field: field, name: cmp.Or(tag, field.Name()), optional: omits, omits: omits, quoted: has("string")})
	}
	return slices.DeleteFunc(slices.Clone(members), func(m member) bool {
		return slices.ContainsFunc(members, func(other member) bool { return other.name == m.name && other.depth < m.depth })
	})
}

// describe makes the description of what Go declares. A field is called by the names of
// the struct's members.
func (s *schemas) describe(of types.Object, called ...words) (string, error) {
	text, err := s.src.comment(of)
	if err != nil || of.Pkg() == nil {
		return "", err
	}
	return describe(text, of.Name(), append(called, s.wordsOf(of.Pkg()))...), nil
}

// wordsOf are what a package's constants are called; its actions have their names in it, too.
func (s *schemas) wordsOf(pkg *types.Package) words {
	if s.called[pkg.Path()] == nil {
		s.called[pkg.Path()] = valuesOf(pkg)
	}
	return s.called[pkg.Path()]
}
