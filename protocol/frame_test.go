package protocol_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/protocol"
)

// goldens are the frames of testdata by their file's name: a type, or a type and what
// is special about the frame.
func goldens(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	frames := map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		frames[strings.TrimSuffix(filepath.Base(file), ".json")] = bytes.TrimSuffix(b, []byte("\n"))
	}
	return frames
}

func TestGoldensSurviveTheirReading(t *testing.T) {
	for name, golden := range goldens(t) {
		frame, err := protocol.DecodeFrame(golden)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, _, _ := strings.Cut(name, "_")
		if _, unknown := frame.(protocol.Unknown); unknown || string(frame.Type()) != want {
			t.Errorf("%s: read as %T of type %q", name, frame, frame.Type())
		}
		got, err := protocol.Encode(frame)
		if err != nil || !bytes.Equal(got, golden) {
			t.Errorf("%s (err %v)\n got %s\nwant %s", name, err, got, golden)
		}
	}
}

func TestEveryTypeHasAGolden(t *testing.T) {
	have := goldens(t)
	for _, name := range types(t) {
		if _, ok := have[name]; !ok {
			t.Errorf("no testdata/%s.json", name)
		}
	}
}

// types reads the values of the constants of type Type from the source, so that none
// can be forgotten.
func types(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "frame.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "Type" {
			name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return true
	})
	if len(names) == 0 {
		t.Fatal("found no types")
	}
	return names
}

func TestEncodeKeepsResultsAsTheyAre(t *testing.T) {
	result := `{"b":1.10,"a":9007199254740993,"text":"<a href=\"x\">&\u00e9</a>"}`
	b, err := protocol.Encode(protocol.Response{RequestID: "r", Result: json.RawMessage(result)})
	if want := `{"type":"response","ts":0,"request_id":"r","result":` + result + `}`; err != nil || string(b) != want {
		t.Errorf("got %s, err %v", b, err)
	}
	if b, err := protocol.Encode(protocol.Complete{Result: json.RawMessage("{")}); err == nil {
		t.Errorf("a broken result was written: %s", b)
	}
}

func TestDecodeFrameLooksAhead(t *testing.T) {
	later := `{"type":"heartbeat","every":30}`
	frame, err := protocol.DecodeFrame([]byte(later))
	if err != nil || !reflect.DeepEqual(frame, protocol.Unknown{Name: "heartbeat", Raw: json.RawMessage(later)}) {
		t.Errorf("an unknown type is %#v, err %v", frame, err)
	}
	if b, err := protocol.Encode(frame); err != nil || string(b) != later {
		t.Errorf("it is written as %s, err %v", b, err)
	}
	frame, err = protocol.DecodeFrame([]byte(`{"type":"pong","ts":1,"later":{"x":[]}}`))
	if err != nil || !reflect.DeepEqual(frame, protocol.Pong{Answer: protocol.Answer{TS: 1}}) {
		t.Errorf("an unknown field makes it %#v, err %v", frame, err)
	}
	for _, other := range []string{
		``, ` `, `null`, `[]`, `"progress"`, `{}`, `{"type":""}`, `{"type":5}`, `{"type":"pong"`,
		`{"message":"Internal server error","connectionId":"a=","requestId":"b="}`,
		`{"type":"progress","percentage":"30"}`,
	} {
		if frame, err := protocol.DecodeFrame([]byte(other)); err == nil {
			t.Errorf("%q is taken for %#v", other, frame)
		}
	}
}

func TestTerminal(t *testing.T) {
	for _, typ := range types(t) {
		want := typ == "complete" || typ == "failed" || typ == "cancelled"
		if protocol.Type(typ).Terminal() != want {
			t.Errorf("type %s: terminal is %v", typ, !want)
		}
	}
	for status, want := range map[protocol.Status]bool{
		protocol.Pending: false, protocol.Processing: false, protocol.Retrying: false,
		protocol.Completed: true, protocol.Failed: true, protocol.Cancelled: true,
	} {
		if status.Terminal() != want {
			t.Errorf("status %s: terminal is %v", status, !want)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	for _, golden := range goldens(f) {
		f.Add(golden)
	}
	f.Add([]byte(`{"type":"later","x":[1, 2]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := protocol.DecodeFrame(b)
		if err != nil {
			return
		}
		encoded, err := protocol.Encode(frame)
		if err != nil {
			t.Fatalf("%#v cannot be written: %v", frame, err)
		}
		again, err := protocol.DecodeFrame(encoded)
		if err != nil {
			t.Fatalf("%s cannot be read: %v", encoded, err)
		}
		if twice, err := protocol.Encode(again); err != nil || !bytes.Equal(encoded, twice) {
			t.Fatalf("%s became %s, err %v", encoded, twice, err)
		}
	})
}
