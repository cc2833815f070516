package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

// without is a list of names without one of them.
func without(list []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return v == name })
}

// defs are the parts of a document.
type defs = map[string]*jsonschema.Schema

func a(kind string) *jsonschema.Schema { return &jsonschema.Schema{Type: kind} }

func just(value any) *jsonschema.Schema { return &jsonschema.Schema{Const: &value} }

// Every change that breaks a client is refused, and no other.
func TestBreaks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "released.json")
	if err := (outputs{schema: file}).make([]string{"../../functions/handlers", "./testdata/shapes"}); err != nil {
		t.Fatal(err)
	}
	released := schemaOf(t, file)
	for _, c := range []struct {
		change string
		plant  func(d defs)
		want   string // in what is said; empty if nothing is
	}{
		{"nothing", func(defs) {}, ""},

		{"a frame is added", func(d defs) {
			d["LaterFrame"] = &jsonschema.Schema{Properties: defs{"type": just("later")}}
			d["Frame"].OneOf = append(d["Frame"].OneOf, ref("LaterFrame"))
		}, ""},
		{"a frame gets a member", func(d defs) { d["PongFrame"].Properties["later"] = a("string") }, ""},
		{"a frame gets a member that is always there", func(d defs) {
			d["PongFrame"].Properties["later"] = a("string")
			d["PongFrame"].Required = append(d["PongFrame"].Required, "later")
		}, ""},
		{"a member is always there", func(d defs) {
			d["ProgressFrame"].Required = append(d["ProgressFrame"].Required, "ref")
		}, ""},
		{"a number is always whole", func(d defs) { d["ProgressFrame"].Properties["percentage"].Type = "integer" }, ""},
		{"a text is always the same", func(d defs) { d["ProgressFrame"].Properties["message"] = just("Working...") }, ""},
		{"a name is not checked", func(d defs) { d["Message"].Properties["action"].Pattern = "" }, ""},
		{"a code is added", func(d defs) {
			d["Code"].OneOf = append(d["Code"].OneOf, just("LATER"))
		}, ""},
		{"a message gets a member", func(d defs) { d["Message"].Properties["later"] = a("string") }, ""},
		{"an id may be longer", func(d defs) { d["Message"].Properties["id"].MaxLength = jsonschema.Ptr(256) }, ""},
		{"a deadline may be shorter", func(d defs) { d["Message"].Properties["deadline_ms"].Minimum = jsonschema.Ptr(1.0) }, ""},
		{"a payload's member may be absent", func(d defs) { d["ReportIn"].Required = []string{"start_date"} }, ""},
		{"a payload takes any number", func(d defs) { d["CountIn"].Properties["to"].Type = "number" }, ""},
		{"an action is added", func(d defs) {
			d["Actions"].Properties["later"] = &jsonschema.Schema{Properties: defs{"payload": {}, "result": {}}}
		}, ""},
		{"something is described in other words", func(d defs) { d["PongFrame"].Description = "Pong." }, ""},

		{"a frame is removed", func(d defs) { delete(d, "PongFrame") }, "PongFrame: removed"},
		{"a member that is always there is removed", func(d defs) {
			delete(d["ProgressFrame"].Properties, "percentage")
			d["ProgressFrame"].Required = without(d["ProgressFrame"].Required, "percentage")
		}, "ProgressFrame.percentage: removed"},
		{"a member that may be absent is removed", func(d defs) { delete(d["ProgressFrame"].Properties, "ref") }, "ProgressFrame.ref: removed"},
		{"a member within a member is removed", func(d defs) { delete(d["Ref"].Properties, "size") }, "CompleteFrame.result_ref.size: removed"},
		{"a member may be absent", func(d defs) {
			d["ProgressFrame"].Required = without(d["ProgressFrame"].Required, "percentage")
		}, "ProgressFrame.percentage: may be absent now"},
		{"a member is of another type", func(d defs) { d["ProgressFrame"].Properties["percentage"].Type = "string" }, "ProgressFrame.percentage: string is sent where number is taken"},
		{"a whole number may have a fraction", func(d defs) { d["ProgressFrame"].Properties["attempt"].Type = "number" }, "ProgressFrame.attempt: number is sent where integer is taken"},
		{"a member may be null", func(d defs) {
			message := d["ProgressFrame"].Properties["message"]
			message.Type, message.Types = "", []string{"string", "null"}
		}, "ProgressFrame.message: null is sent where string is taken"},
		{"a member may be anything", func(d defs) { d["ProgressFrame"].Properties["message"] = &jsonschema.Schema{} }, "ProgressFrame.message: anything is sent where string is taken"},
		{"a text is always the same number", func(d defs) { d["ProgressFrame"].Properties["message"] = just(5.0) }, "ProgressFrame.message: 5 is sent where string is taken"},
		{"a number may be greater", func(d defs) { d["ProgressFrame"].Properties["percentage"].Maximum = jsonschema.Ptr(1000.0) }, "ProgressFrame.percentage: the greatest value is 1000 where 100 is taken"},
		{"a number has no limit", func(d defs) { d["ProgressFrame"].Properties["percentage"].Minimum = nil }, "ProgressFrame.percentage: the least value is not limited where 0 is taken"},
		{"a frame is of another type", func(d defs) { d["PongFrame"].Properties["type"] = just("ping") }, `PongFrame.type: "ping" is sent where "pong" is taken`},
		{"a map holds something else", func(d defs) {
			d["UploadFrame"].Properties["headers"].AdditionalProperties = a("number")
		}, "UploadFrame.headers.*: number is sent where string is taken"},
		{"a list holds something else", func(d defs) { d["Tree"].Properties["branches"].Items = a("string") }, "shape.all-of-them.result.tree.branches[]: string is sent where object is taken"},
		{"there is another status", func(d defs) {
			d["Status"].Enum = append(d["Status"].Enum, "PAUSED")
		}, `SubscribedFrame.status: "PAUSED" is sent where "PENDING" or`},

		{"a code is removed", func(d defs) { d["Code"].OneOf = d["Code"].OneOf[1:] }, "code BAD_MESSAGE: removed"},
		{"a code is retryable now", func(d defs) {
			d["Code"].OneOf[0].Extra = map[string]any{"x-retryable": true}
		}, "code BAD_MESSAGE: retryable is true now"},

		{"one of Streamer's own actions is removed", func(d defs) { delete(d, "PingMessage") }, "PingMessage: removed"},
		{"one is called otherwise", func(d defs) { d["PingMessage"].Properties["action"] = just("streamer.pong") }, `PingMessage.action: "streamer.ping" is sent where "streamer.pong" is taken`},
		{"a message's member is removed", func(d defs) { delete(d["Message"].Properties, "idempotency_key") }, "Message.idempotency_key: removed"},
		{"a message's member is required", func(d defs) { d["Message"].Required = []string{"action", "id"} }, "Message.id: required now"},
		{"one of Streamer's own actions needs more", func(d defs) { d["PingMessage"].Required = []string{"action", "id"} }, "PingMessage.id: required now"},
		{"a message's member is of another type", func(d defs) { d["Message"].Properties["id"].Type = "integer" }, "Message.id: string is sent where integer is taken"},
		{"an id must be shorter", func(d defs) { d["Message"].Properties["id"].MaxLength = jsonschema.Ptr(64) }, "Message.id: the greatest length is 128 where 64 is taken"},
		{"an id must be longer", func(d defs) { d["Message"].Properties["id"].MinLength = jsonschema.Ptr(1) }, "Message.id: the least length is not limited where 1 is taken"},
		{"a deadline must be longer", func(d defs) { d["Message"].Properties["deadline_ms"].Minimum = jsonschema.Ptr(60000.0) }, "Message.deadline_ms: the least value is 1000 where 60000 is taken"},
		{"a name is checked", func(d defs) { d["Message"].Properties["request_id"].Pattern = "^[0-9A-Z]{26}$" }, `Message.request_id: the pattern is "" where "^[0-9A-Z]{26}$" is taken`},
		{"an upload's size is checked", func(d defs) { d["Announcement"].Properties["size"].Maximum = jsonschema.Ptr(1024.0) }, "UploadMessage.payload.size: the greatest value is 5242880 where 1024 is taken"},

		{"an action is removed", func(d defs) { delete(d["Actions"].Properties, "count") }, "count: removed"},
		{"all actions are", func(d defs) { delete(d, "Actions") }, "count: removed"},
		{"a payload needs more", func(d defs) { d["ReportIn"].Required = []string{"start_date", "end_date", "format"} }, "generate_report.payload.format: required now"},
		{"a payload's member is removed", func(d defs) { delete(d["ReportIn"].Properties, "format") }, "generate_report.payload.format: removed"},
		{"a payload's member must be one of few", func(d defs) { d["ReportIn"].Properties["format"].Enum = []any{"pdf"} }, `generate_report.payload.format: string is sent where "pdf" is taken`},
		{"an action takes less than anything", func(d defs) {
			d["Actions"].Properties["echo"].Properties["payload"] = a("object")
		}, "echo.payload: anything is sent where object is taken"},
		{"a list must be longer", func(d defs) {
			pair := d["Shapes"].Properties["pair"]
			pair.MinItems, pair.MaxItems = jsonschema.Ptr(3), jsonschema.Ptr(3)
		}, "shape.all-of-them.payload.pair: the least number of items is 2 where 3 is taken"},
		{"a list must be shorter", func(d defs) { d["Shapes"].Properties["list"].MaxItems = jsonschema.Ptr(10) }, "shape.all-of-them.payload.list: the greatest number of items is not limited where 10 is taken"},
		{"a text is written otherwise", func(d defs) { d["Shapes"].Properties["bytes"].ContentEncoding = "" }, ""},
		{"a time is written otherwise", func(d defs) { d["Shapes"].Properties["at"].Format = "date" }, `shape.all-of-them.payload.at: the format is "date-time" where "date" is taken`},
		{"a result's member is removed", func(d defs) { delete(d["ReportOut"].Properties, "pages") }, "generate_report.result.pages: removed"},
		{"a result is another", func(d defs) {
			d["Actions"].Properties["count"].Properties["result"] = &jsonschema.Schema{Type: "array", Items: a("string")}
		}, "count.result: array is sent where object is taken"},
	} {
		now := released.CloneSchemas()
		c.plant(now.Defs)
		problems := breaks(released, now)
		found := slices.ContainsFunc(problems, func(p string) bool { return strings.HasPrefix(p, c.want) })
		places := map[string]bool{}
		for _, p := range problems {
			place, _, _ := strings.Cut(p, ": ")
			if places[place] {
				t.Errorf("%s: %s is named twice: %q", c.change, place, problems)
			}
			places[place] = true
		}
		if c.want == "" && problems != nil || c.want != "" && !found {
			t.Errorf("%s: %q", c.change, problems)
		}
	}
}

// A limit may be wider, and not tighter.
func TestLimitsNarrowed(t *testing.T) {
	limits := func(values map[string]any) *jsonschema.Schema {
		of := map[string]any{}
		for name, value := range values {
			of[name] = map[string]any{"value": value}
		}
		return &jsonschema.Schema{Extra: map[string]any{"x-limits": of}}
	}
	then := limits(map[string]any{"MAX_MESSAGE": 2.0, "MIN_DEADLINE_MS": 2.0, "DEFAULT_DEADLINE_MS": 2.0})
	for _, c := range []struct {
		now  map[string]any
		want []string
	}{
		{map[string]any{"MAX_MESSAGE": 3.0, "MIN_DEADLINE_MS": 1.0, "DEFAULT_DEADLINE_MS": 1.0, "MAX_LATER": 1.0}, nil},
		{map[string]any{"MAX_MESSAGE": 1.0, "MIN_DEADLINE_MS": 2.0, "DEFAULT_DEADLINE_MS": 2.0}, []string{"limit MAX_MESSAGE: 1 now, was 2"}},
		{map[string]any{"MAX_MESSAGE": 2.0, "MIN_DEADLINE_MS": 3.0, "DEFAULT_DEADLINE_MS": 2.0}, []string{"limit MIN_DEADLINE_MS: 3 now, was 2"}},
		{map[string]any{"MIN_DEADLINE_MS": 2.0, "DEFAULT_DEADLINE_MS": 2.0}, []string{"limit MAX_MESSAGE: removed"}},
	} {
		if got := limitsNarrowed(then, limits(c.now)); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q", c.now, got)
		}
	}
}

// A release that cannot be kept is no document that is written.
func TestReleased(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "released.json")
	released := strings.NewReplacer(`"BAD_MESSAGE"`, `"BAD_MASSAGE"`, `"value": 28672`, `"value": 131072`).Replace(text(t, filepath.Join(root, "protocol/schema.json")))
	if err := os.WriteFile(file, []byte(released), 0o644); err != nil {
		t.Fatal(err)
	}
	o := outputs{schema: filepath.Join(dir, "schema.json"), released: file}
	err := o.make([]string{"../../functions/handlers"})
	for _, want := range []string{"code BAD_MASSAGE: removed", "limit MAX_MESSAGE: 28672 now, was 131072"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err is %v, want %q", err, want)
		}
	}
	if _, err := os.Stat(o.schema); err == nil {
		t.Error("the document is written")
	}
}
