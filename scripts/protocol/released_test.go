package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// object is a part of a schema document.
type object = map[string]any

// def finds a part of the documents' definitions.
func def(t *testing.T, doc any, path string) object {
	t.Helper()
	found, ok := at(doc, "#/$defs/"+path).(object)
	if !ok {
		t.Fatalf("there is no %s", path)
	}
	return found
}

func without(list any, value string) []any {
	return slices.DeleteFunc(slices.Clone(list.([]any)), func(v any) bool { return v == value })
}

// Every change that breaks a client is refused, and no other.
func TestBreaks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "released.json")
	if err := (outputs{schema: file}).make([]string{"../../functions/handlers", "./testdata/shapes"}); err != nil {
		t.Fatal(err)
	}
	released := text(t, file)
	for _, c := range []struct {
		change string
		plant  func(doc any)
		want   string // in what is said; empty if nothing is
	}{
		{"nothing", func(any) {}, ""},

		{"a frame is added", func(doc any) {
			def(t, doc, "")["LaterFrame"] = object{"type": "object", "properties": object{"type": object{"const": "later"}}}
			frames := def(t, doc, "Frame")
			frames["oneOf"] = append(frames["oneOf"].([]any), object{"$ref": "#/$defs/LaterFrame"})
		}, ""},
		{"a frame gets a member", func(doc any) { def(t, doc, "PongFrame/properties")["later"] = object{"type": "string"} }, ""},
		{"a frame gets a member that is always there", func(doc any) {
			def(t, doc, "PongFrame/properties")["later"] = object{"type": "string"}
			def(t, doc, "PongFrame")["required"] = append(def(t, doc, "PongFrame")["required"].([]any), "later")
		}, ""},
		{"a member is always there", func(doc any) {
			def(t, doc, "ProgressFrame")["required"] = append(def(t, doc, "ProgressFrame")["required"].([]any), "ref")
		}, ""},
		{"a number is always whole", func(doc any) { def(t, doc, "ProgressFrame/properties/percentage")["type"] = "integer" }, ""},
		{"a text is always the same", func(doc any) { def(t, doc, "ProgressFrame/properties")["message"] = object{"const": "Working..."} }, ""},
		{"a name is not checked", func(doc any) { delete(def(t, doc, "Message/properties/action"), "pattern") }, ""},
		{"a code is added", func(doc any) {
			codes := def(t, doc, "Code")
			codes["oneOf"] = append(codes["oneOf"].([]any), object{"const": "LATER", "x-retryable": false})
		}, ""},
		{"a message gets a member", func(doc any) { def(t, doc, "Message/properties")["later"] = object{"type": "string"} }, ""},
		{"a message may be larger", func(doc any) { doc.(object)["x-limits"].(object)["MAX_MESSAGE"].(object)["value"] = 131072.0 }, ""},
		{"an id may be longer", func(doc any) { def(t, doc, "Message/properties/id")["maxLength"] = 256.0 }, ""},
		{"a deadline may be shorter", func(doc any) { def(t, doc, "Message/properties/deadline_ms")["minimum"] = 1.0 }, ""},
		{"a payload's member may be absent", func(doc any) { def(t, doc, "ReportIn")["required"] = []any{"start_date"} }, ""},
		{"a payload takes any number", func(doc any) { def(t, doc, "CountIn/properties/to")["type"] = "number" }, ""},
		{"an action is added", func(doc any) {
			def(t, doc, "Actions/properties")["later"] = object{"properties": object{"payload": true, "result": true}}
		}, ""},
		{"something is described in other words", func(doc any) { def(t, doc, "PongFrame")["description"] = "Pong." }, ""},

		{"a frame is removed", func(doc any) { delete(def(t, doc, ""), "PongFrame") }, "PongFrame: removed"},
		{"a member that is always there is removed", func(doc any) {
			delete(def(t, doc, "ProgressFrame/properties"), "percentage")
			def(t, doc, "ProgressFrame")["required"] = without(def(t, doc, "ProgressFrame")["required"], "percentage")
		}, "ProgressFrame.percentage: removed"},
		{"a member that may be absent is removed", func(doc any) { delete(def(t, doc, "ProgressFrame/properties"), "ref") }, "ProgressFrame.ref: removed"},
		{"a member within a member is removed", func(doc any) { delete(def(t, doc, "Ref/properties"), "size") }, "CompleteFrame.result_ref.size: removed"},
		{"a member may be absent", func(doc any) {
			def(t, doc, "ProgressFrame")["required"] = without(def(t, doc, "ProgressFrame")["required"], "percentage")
		}, "ProgressFrame.percentage: may be absent now"},
		{"a member is of another type", func(doc any) { def(t, doc, "ProgressFrame/properties/percentage")["type"] = "string" }, "ProgressFrame.percentage: string is sent where number is taken"},
		{"a whole number may have a fraction", func(doc any) { def(t, doc, "ProgressFrame/properties/attempt")["type"] = "number" }, "ProgressFrame.attempt: number is sent where integer is taken"},
		{"a member may be null", func(doc any) {
			s := def(t, doc, "ProgressFrame/properties/message")
			s["type"] = []any{"string", "null"}
		}, "ProgressFrame.message: null is sent where string is taken"},
		{"a member may be anything", func(doc any) { def(t, doc, "ProgressFrame/properties")["message"] = true }, "ProgressFrame.message: anything is sent where string is taken"},
		{"a text is always the same number", func(doc any) { def(t, doc, "ProgressFrame/properties")["message"] = object{"const": 5.0} }, "ProgressFrame.message: 5 is sent where string is taken"},
		{"a number may be greater", func(doc any) { def(t, doc, "ProgressFrame/properties/percentage")["maximum"] = 1000.0 }, "ProgressFrame.percentage: the greatest value is 1000 where 100 is taken"},
		{"a number has no limit", func(doc any) { delete(def(t, doc, "ProgressFrame/properties/percentage"), "minimum") }, "ProgressFrame.percentage: the least value is not limited where 0 is taken"},
		{"a frame is of another type", func(doc any) { def(t, doc, "PongFrame/properties/type")["const"] = "ping" }, `PongFrame.type: "ping" is sent where "pong" is taken`},
		{"a map holds something else", func(doc any) {
			def(t, doc, "UploadFrame/properties/headers")["additionalProperties"] = object{"type": "number"}
		}, "UploadFrame.headers.*: number is sent where string is taken"},
		{"a list holds something else", func(doc any) { def(t, doc, "Tree/properties/branches")["items"] = object{"type": "string"} }, "shape.all-of-them.result.tree.branches[]: string is sent where object is taken"},
		{"there is another status", func(doc any) {
			status := def(t, doc, "Status")
			status["enum"] = append(status["enum"].([]any), "PAUSED")
		}, `SubscribedFrame.status: "PAUSED" is sent where "PENDING" or`},

		{"a code is removed", func(doc any) { codes := def(t, doc, "Code"); codes["oneOf"] = codes["oneOf"].([]any)[1:] }, "code BAD_MESSAGE: removed"},
		{"a code is not retryable any more", func(doc any) {
			codes := def(t, doc, "Code")["oneOf"].([]any)
			codes[len(codes)-1].(object)["x-retryable"] = false
		}, "code INTERNAL: retryable is false now"},

		{"one of Streamer's own actions is removed", func(doc any) { delete(def(t, doc, ""), "PingMessage") }, "PingMessage: removed"},
		{"one is called otherwise", func(doc any) { def(t, doc, "PingMessage/properties/action")["const"] = "streamer.pong" }, `PingMessage.action: "streamer.ping" is sent where "streamer.pong" is taken`},
		{"a message's member is removed", func(doc any) { delete(def(t, doc, "Message/properties"), "idempotency_key") }, "Message.idempotency_key: removed"},
		{"a message's member is required", func(doc any) { def(t, doc, "Message")["required"] = []any{"action", "id"} }, "Message.id: required now"},
		{"one of Streamer's own actions needs more", func(doc any) { def(t, doc, "PingMessage")["required"] = []any{"action", "id"} }, "PingMessage.id: required now"},
		{"a message's member is of another type", func(doc any) { def(t, doc, "Message/properties/id")["type"] = "integer" }, "Message.id: string is sent where integer is taken"},
		{"an id must be shorter", func(doc any) { def(t, doc, "Message/properties/id")["maxLength"] = 64.0 }, "Message.id: the greatest length is 128 where 64 is taken"},
		{"an id must be longer", func(doc any) { def(t, doc, "Message/properties/id")["minLength"] = 1.0 }, "Message.id: the least length is not limited where 1 is taken"},
		{"a deadline must be longer", func(doc any) { def(t, doc, "Message/properties/deadline_ms")["minimum"] = 60000.0 }, "Message.deadline_ms: the least value is 1000 where 60000 is taken"},
		{"a name is checked", func(doc any) { def(t, doc, "Message/properties/request_id")["pattern"] = "^[0-9A-Z]{26}$" }, `Message.request_id: the pattern is "" where "^[0-9A-Z]{26}$" is taken`},
		{"an upload's size is checked", func(doc any) { def(t, doc, "Announcement/properties/size")["maximum"] = 1024.0 }, "UploadMessage.payload.size: the greatest value is 5.24288e+06 where 1024 is taken"},
		{"a limit is tighter", func(doc any) { doc.(object)["x-limits"].(object)["MAX_MESSAGE"].(object)["value"] = 1024.0 }, "limit MAX_MESSAGE: 1024 now, was 28672"},
		{"a least is greater", func(doc any) { doc.(object)["x-limits"].(object)["MIN_DEADLINE_MS"].(object)["value"] = 5000.0 }, "limit MIN_DEADLINE_MS: 5000 now, was 1000"},
		{"a limit is removed", func(doc any) { delete(doc.(object)["x-limits"].(object), "MAX_WATCHERS") }, "limit MAX_WATCHERS: removed"},

		{"an action is removed", func(doc any) { delete(def(t, doc, "Actions/properties"), "count") }, "count: removed"},
		{"all actions are", func(doc any) { delete(def(t, doc, ""), "Actions") }, "count: removed"},
		{"a payload needs more", func(doc any) { def(t, doc, "ReportIn")["required"] = []any{"start_date", "end_date", "format"} }, "generate_report.payload.format: required now"},
		{"a payload's member is removed", func(doc any) { delete(def(t, doc, "ReportIn/properties"), "format") }, "generate_report.payload.format: removed"},
		{"a payload's member must be one of few", func(doc any) { def(t, doc, "ReportIn/properties/format")["enum"] = []any{"pdf"} }, `generate_report.payload.format: string is sent where "pdf" is taken`},
		{"an action takes less than anything", func(doc any) {
			def(t, doc, "Actions/properties/echo/properties")["payload"] = object{"type": "object"}
		}, "echo.payload: anything is sent where object is taken"},
		{"a list must be longer", func(doc any) {
			def(t, doc, "Shapes/properties/pair")["minItems"], def(t, doc, "Shapes/properties/pair")["maxItems"] = 3.0, 3.0
		}, "shape.all-of-them.payload.pair: the least number of items is 2 where 3 is taken"},
		{"a list must be shorter", func(doc any) { def(t, doc, "Shapes/properties/list")["maxItems"] = 10.0 }, "shape.all-of-them.payload.list: the greatest number of items is not limited where 10 is taken"},
		{"a text is written otherwise", func(doc any) { delete(def(t, doc, "Shapes/properties/bytes"), "contentEncoding") }, ""},
		{"a time is written otherwise", func(doc any) { def(t, doc, "Shapes/properties/at")["format"] = "date" }, `shape.all-of-them.payload.at: the format is "date-time" where "date" is taken`},
		{"a result's member is removed", func(doc any) { delete(def(t, doc, "ReportOut/properties"), "pages") }, "generate_report.result.pages: removed"},
		{"a result is another", func(doc any) {
			def(t, doc, "Actions/properties/count/properties")["result"] = object{"type": "array", "items": object{"type": "string"}}
		}, "count.result: array is sent where object is taken"},
	} {
		var doc any
		if err := json.Unmarshal([]byte(released), &doc); err != nil {
			t.Fatal(err)
		}
		c.plant(doc)
		now, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		problems, err := breaks([]byte(released), now)
		if err != nil {
			t.Fatalf("%s: %v", c.change, err)
		}
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

// A release that cannot be kept is no document that is written.
func TestReleased(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "released.json")
	released := strings.Replace(text(t, filepath.Join(root, "protocol/schema.json")), `"BAD_MESSAGE"`, `"BAD_MASSAGE"`, 1)
	if err := os.WriteFile(file, []byte(released), 0o644); err != nil {
		t.Fatal(err)
	}
	o := outputs{schema: filepath.Join(dir, "schema.json"), released: file}
	if err := o.make([]string{"../../functions/handlers"}); err == nil || !strings.Contains(err.Error(), "code BAD_MASSAGE: removed") {
		t.Errorf("err is %v", err)
	}
	if _, err := os.Stat(o.schema); err == nil {
		t.Error("the document is written")
	}
}
