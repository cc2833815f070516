package main

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/protocol/testdata/shapes"
	"github.com/pay-theory/streamer/scripts/protocol/testdata/shapes/other"
)

const root = "../.."

var update = flag.Bool("update", false, "write the goldens of testdata anew")

// The tracked documents are what the sources say, as make verify finds out.
func TestVerify(t *testing.T) {
	verify := exec.CommandContext(t.Context(), "make", "--no-print-directory", "verify")
	verify.Dir = root
	if out, err := verify.CombinedOutput(); err != nil {
		t.Fatalf("run make protocol: %v\n%s", err, out)
	}
}

// A document that is not as it would be written is found out, and left as it is.
func TestCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "schema.json")
	o := outputs{schema: file, check: true}
	if err := o.make(nil); err == nil || !strings.Contains(err.Error(), "schema.json is not what the sources say") {
		t.Errorf("no file: err is %v", err)
	}
	o.check = false
	if err := o.make(nil); err != nil {
		t.Fatal(err)
	}
	o.check = true
	if err := o.make(nil); err != nil {
		t.Errorf("just written: %v", err)
	}
	before := text(t, file)
	other := strings.Replace(before, "Unix milliseconds", "Unix seconds", 1)
	if err := os.WriteFile(file, []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := o.make(nil); err == nil || text(t, file) != other {
		t.Errorf("another word: err is %v", err)
	}
}

func text(t *testing.T, file string) string {
	t.Helper()
	read, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(read)
}

// jsonOf reads a file as what JSON has.
func jsonOf(t *testing.T, file string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text(t, file)), &v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}

func schemaOf(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal([]byte(text(t, file)), &s); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return &s
}

func resolve(t *testing.T, s *jsonschema.Schema) *jsonschema.Resolved {
	t.Helper()
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The documents are what AsyncAPI's own schema of AsyncAPI 3.0 takes, and every reference in
// them leads somewhere.
func TestAsyncAPI(t *testing.T) {
	official := filepath.Join(root, "node_modules/@asyncapi/specs/schemas/3.0.0.json")
	if _, err := os.Stat(official); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("needs %s, which make node_modules brings", official)
	}
	spec := schemaOf(t, official)
	spec.Schema += "#" // without it the draft is not recognised
	takes := resolve(t, spec)

	tracked, ofShapes := filepath.Join(root, "protocol/asyncapi.json"), filepath.Join(t.TempDir(), "asyncapi.json")
	if err := (outputs{asyncAPI: ofShapes}).make([]string{"./testdata/shapes"}); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{tracked, ofShapes} {
		doc := jsonOf(t, file)
		if err := takes.Validate(doc); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		refs := 0
		eachRef(doc, func(ref string) {
			refs++
			if at(doc, ref) == nil {
				t.Errorf("%s: %s leads nowhere", file, ref)
			}
		})
		if refs < 100 {
			t.Errorf("%s has %d references", file, refs)
		}
	}
	for what, spoil := range map[string]func(doc any){
		"no channel to send on": func(doc any) { delete(at(doc, "#/operations/Submit").(map[string]any), "channel") },
		"an action of no kind":  func(doc any) { at(doc, "#/operations/Watch").(map[string]any)["action"] = "publish" },
		"a schema of no type":   func(doc any) { at(doc, "#/components/schemas/Ref").(map[string]any)["type"] = "record" },
	} {
		doc := jsonOf(t, tracked)
		spoil(doc)
		if takes.Validate(doc) == nil {
			t.Errorf("%s: passes", what)
		}
	}
}

func eachRef(v any, visit func(ref string)) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			visit(ref)
		}
		for _, inner := range v {
			eachRef(inner, visit)
		}
	case []any:
		for _, inner := range v {
			eachRef(inner, visit)
		}
	}
}

// at is what stands at a reference within a document; nil if nothing does.
func at(doc any, ref string) any {
	for _, name := range strings.FieldsFunc(strings.TrimPrefix(ref, "#/"), func(r rune) bool { return r == '/' }) {
		object, _ := doc.(map[string]any)
		doc = object[name]
	}
	return doc
}

// Every golden frame and message is valid by its schema, and by that of everything, and is
// not without any of the members that its schema requires.
func TestGoldens(t *testing.T) {
	schema := schemaOf(t, filepath.Join(root, "protocol/schema.json"))
	everything := resolve(t, schema)
	byName := func(name string) *jsonschema.Resolved {
		return resolve(t, &jsonschema.Schema{Schema: schema.Schema, Ref: refPrefix + name, Defs: schema.Defs})
	}
	payloads := schema.Defs["Actions"].Properties
	for _, file := range goldens(t) {
		golden := jsonOf(t, file).(map[string]any)
		def := "Message"
		if typ, ok := golden["type"].(string); ok {
			def = frameName(protocol.Type(typ))
		} else if action := golden["action"].(string); strings.HasPrefix(action, protocol.ReservedPrefix) {
			def = title(strings.TrimPrefix(action, protocol.ReservedPrefix)) + "Message"
		} else if payload, ok := golden["payload"]; ok {
			of := &jsonschema.Schema{Schema: schema.Schema, Defs: schema.Defs, Properties: map[string]*jsonschema.Schema{"payload": payloads[action].Properties["payload"].CloneSchemas()}}
			if err := resolve(t, of).Validate(map[string]any{"payload": payload}); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		its := byName(def)
		for _, s := range []*jsonschema.Resolved{its, everything} {
			if err := s.Validate(golden); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		for _, member := range schema.Defs[def].Required {
			without := maps.Clone(golden)
			delete(without, member)
			if its.Validate(without) == nil {
				t.Errorf("%s: valid without %s", file, member)
			}
		}
		for member, value := range golden {
			if schema.Defs[def].Properties[member] == nil || value == nil {
				continue // the member is anything
			}
			wrong := maps.Clone(golden)
			wrong[member] = []any{[]any{}}
			if member != "result" && member != "payload" && its.Validate(wrong) == nil {
				t.Errorf("%s: valid with a list of lists for %s", file, member)
			}
		}
	}
}

func goldens(t *testing.T) []string {
	t.Helper()
	frames, err := filepath.Glob(filepath.Join(root, "protocol/testdata/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	messages, err := filepath.Glob(filepath.Join(root, "protocol/testdata/messages/*.json"))
	if err != nil || len(frames) == 0 || len(messages) == 0 {
		t.Fatalf("%d frames, %d messages, err %v", len(frames), len(messages), err)
	}
	return append(frames, messages...)
}

// Of everything that travels, nothing is without its description.
func TestEverythingIsDescribed(t *testing.T) {
	w, err := of()
	if err != nil {
		t.Fatal(err)
	}
	for name, def := range w.defs {
		if def.Description == "" {
			t.Errorf("%s says nothing", name)
		}
		if !strings.HasSuffix(name, "Frame") && !strings.HasSuffix(name, "Message") && name != "Ref" {
			continue
		}
		for member, s := range def.Properties {
			if s.Description == "" && s.Const == nil && s.Ref == "" {
				t.Errorf("%s.%s says nothing", name, member)
			}
		}
	}
	for _, l := range w.limits {
		if l.description == "" || l.value == 0 {
			t.Errorf("limit %+v", l)
		}
	}
	for _, c := range w.codes {
		if c.description == "" {
			t.Errorf("code %s says nothing", c.value)
		}
	}
}

func of(packages ...string) (*wire, error) {
	src, err := load(packages)
	if err != nil {
		return nil, err
	}
	return read(src)
}

// The documents of types of all shapes are as they were looked at: what they have beside the
// protocol.
func TestShapes(t *testing.T) {
	w, err := of("./testdata/shapes")
	if err != nil {
		t.Fatal(err)
	}
	bare, err := of()
	if err != nil {
		t.Fatal(err)
	}
	defs := maps.Clone(w.defs)
	maps.DeleteFunc(defs, func(name string, _ *jsonschema.Schema) bool { return bare.defs[name] != nil })
	schema, err := pretty(&jsonschema.Schema{Defs: defs})
	if err != nil {
		t.Fatal(err)
	}
	actions, err := w.typedActions()
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"schema.json": schema, "actions.ts": actions} {
		golden := filepath.Join("testdata/shapes", name)
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if string(got) != text(t, golden) {
			t.Errorf("%s is another: look at the difference after go test -update\n%s", name, got)
		}
	}
}

// What cannot be read without running it, or cannot be JSON, is said with its place.
func TestWrongActions(t *testing.T) {
	for _, c := range []struct{ packages, want string }{
		{"./testdata/wrong/value", "value.go:8:5: action Action: is no literal"},
		{"./testdata/wrong/name", "name.go:10:5: action Action: Name is not a constant"},
		{"./testdata/wrong/fields", "fields.go:6:5: action Action: its fields have no names"},
		{"./testdata/wrong/nothing", "the packages declare no action"},
		{"./testdata/wrong/twice", `action "work": declared twice`},
		{"./testdata/wrong/json", `action "work": payload: Values: Done: chan int cannot be JSON`},
		{"./testdata/wrong/none", "load packages: "},
		{".", "the packages declare no action"},
	} {
		if _, err := of(c.packages); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: err is %v, want %q", c.packages, err, c.want)
		}
	}
	if err := (outputs{actions: filepath.Join(t.TempDir(), "actions.ts")}).make(nil); err == nil {
		t.Error("the types of no actions are written")
	}
}

// What Go writes of a type is what its schema takes, from its zero value on, and what the
// schema of a payload takes, the action takes.
func TestSchemasAreWhatGoWrites(t *testing.T) {
	w, err := of("./testdata/shapes")
	if err != nil {
		t.Fatal(err)
	}
	byName := func(name string) *jsonschema.Resolved {
		return resolve(t, (&jsonschema.Schema{Ref: refPrefix + name, Defs: w.defs}).CloneSchemas())
	}
	valid := func(s *jsonschema.Resolved, text []byte) error {
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return s.Validate(v)
	}
	some := other.Item{ID: 1}
	for _, given := range []shapes.Given{
		{},
		{
			Shared: &shapes.Shared{}, Items: []shapes.Item{}, Some: []shapes.Item{{}}, Counts: map[int]int{1: 2},
			Tree: &shapes.Tree{Branches: []shapes.Tree{{}}}, Page: shapes.Page[other.Item]{Items: []other.Item{some}},
			Numbers: shapes.Page[int]{Items: []int{1}}, Code: "OWN", Matrix: [][]*float64{nil, {nil, new(1.5)}},
		},
	} {
		text, err := json.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(byName("Given"), text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	payload := shapes.Shapes{List: []string{}, Bytes: []byte{}, Number: "1", ByName: map[string]shapes.Item{"a": {}}, Shared: shapes.Shared{Names: []string{""}}}
	text, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	its := byName("Shapes")
	if err := valid(its, text); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	if err := shapes.Shape.Check(text); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	for _, change := range []struct{ old, new string }{
		{`"size":0`, `"size":"0"`}, {`"Half":0`, `"Half":[]`}, {`"quoted":"0"`, `"quoted":0`}, {`"pair":[0,0]`, `"pair":0`},
		{`"X":0`, `"X":0,"Z":0`}, {`"size":0`, `"size":0,"later":0`}, {`"at":"0001`, `"at":5,"x":"`},
	} {
		wrong := strings.Replace(string(text), change.old, change.new, 1)
		if wrong == string(text) || valid(its, []byte(wrong)) == nil || shapes.Shape.Check([]byte(wrong)) == nil {
			t.Errorf("%s in place of %s is taken", change.new, change.old)
		}
	}
}
