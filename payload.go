package streamer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pay-theory/streamer/protocol"
)

// maxPath is the longest path, in bytes, that an error names: it has names in it that
// the client made up.
const maxPath = 200

// decodePayload reads JSON into what in points to, strictly. Its error is an *Error
// that names the field as the client wrote it.
func decodePayload(payload json.RawMessage, in any) error {
	if raw, ok := in.(*json.RawMessage); ok {
		*raw = payload
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.DisallowUnknownFields()
	err := dec.Decode(in)
	if err == nil {
		return nil
	}
	field, problem := protocol.FieldError(err)
	var doc any
	if problem == "unknown field" && json.Unmarshal(payload, &doc) == nil {
		if path := unknownField(reflect.TypeOf(in), doc); path != "" && len(path) <= maxPath {
			field = path
		}
	} else {
		field = clientPath(reflect.TypeOf(in), field)
	}
	return Invalid(field, "%s", problem)
}

// unknownField finds the path to a member of doc that t has no field for, which
// encoding/json tells only the last name of. It is empty if t reads its JSON itself.
func unknownField(t reflect.Type, doc any) string {
	t = element(t)
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return ""
	}
	switch doc := doc.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(doc)) {
			inner, known := member(t, name)
			if !known {
				return name
			}
			if path := unknownField(inner, doc[name]); path != "" {
				return name + "." + path
			}
		}
	case []any:
		for _, item := range doc {
			if path := unknownField(t, item); path != "" {
				return path
			}
		}
	}
	return ""
}

// clientPath drops the names of embedded structs, which encoding/json puts into its
// paths, and which no client has ever seen.
func clientPath(t reflect.Type, path string) string {
	var names []string
	for name := range strings.SplitSeq(path, ".") {
		t = element(t)
		if t.Kind() == reflect.Struct {
			if f, ok := t.FieldByName(name); ok && embedded(f) {
				t = f.Type
				continue
			}
		}
		names = append(names, name)
		t, _ = member(t, name)
	}
	return strings.Join(names, ".")
}

// element is what t points to, or is a list of.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	return t
}

// member is the type of what stands under a name in t's JSON, and whether anything may.
func member(t reflect.Type, name string) (inner reflect.Type, known bool) {
	switch t.Kind() {
	case reflect.Map:
		return t.Elem(), true
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.IsExported() && !embedded(f) && f.Tag.Get("json") != "-" && strings.EqualFold(cmp.Or(tag, f.Name), name) {
				return f.Type, true
			}
		}
		return t, false
	}
	return t, true
}

// embedded reports whether the fields of f's struct stand in the place of f.
func embedded(f reflect.StructField) bool {
	tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return f.Anonymous && tag == "" && element(f.Type).Kind() == reflect.Struct
}
