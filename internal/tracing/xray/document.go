package xray

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/pay-theory/streamer/internal/tracing"
)

// header begins each datagram (AWS X-Ray developer guide, "Sending segment documents to the
// X-Ray daemon").
const header = `{"format":"json","version":1}` + "\n"

// Document is a span as X-Ray wants it (AWS X-Ray developer guide, "AWS X-Ray segment
// documents"): a segment if its parent is another process's, else a subsegment.
type Document struct {
	TraceID    string  `json:"trace_id"`
	ID         string  `json:"id"`
	ParentID   string  `json:"parent_id,omitempty"`
	Type       string  `json:"type,omitempty"` // "subsegment", or empty
	Name       string  `json:"name"`
	Start      float64 `json:"start_time"`
	End        float64 `json:"end_time,omitempty"`
	InProgress bool    `json:"in_progress,omitempty"`
	Fault      bool    `json:"fault,omitempty"`
	Cause      *Cause  `json:"cause,omitempty"`
	// Annotations are the attributes that X-Ray finds traces by. It takes 50 for all of a
	// trace, so those that nobody looks for are Metadata.
	Annotations map[string]any            `json:"annotations,omitempty"`
	Metadata    map[string]map[string]any `json:"metadata,omitempty"`
	Links       []Link                    `json:"links,omitempty"`
}

// Cause is what went wrong.
type Cause struct {
	Exceptions []Exception `json:"exceptions"`
}

// Exception is one error that a span tells of.
type Exception struct {
	ID      string `json:"id"`
	Type    string `json:"type,omitempty"`
	Message string `json:"message,omitempty"`
}

// Link is another trace that a span belongs to.
type Link struct {
	TraceID string `json:"trace_id"`
	ID      string `json:"id"`
}

// indexed are what traces are looked for by.
var indexed = []attribute.Key{tracing.Request, tracing.Tenant, tracing.Action, tracing.Attempt, tracing.Status}

// topmost reports whether a span is the first of its trace in this process.
func topmost(span sdk.ReadOnlySpan) bool {
	return span.Parent().IsRemote() || !span.Parent().HasSpanID()
}

// document is the datagram for a span.
func document(span sdk.ReadOnlySpan) []byte {
	id := span.SpanContext()
	d := Document{
		TraceID: tracing.ID(id.TraceID()), ID: id.SpanID().String(), Name: name(span.Name()), Start: seconds(span.StartTime()),
		InProgress: span.EndTime().IsZero(), Fault: span.Status().Code == codes.Error,
		Annotations: map[string]any{}, Metadata: map[string]map[string]any{},
	}
	if !d.InProgress {
		d.End = seconds(span.EndTime())
	}
	if span.Parent().HasSpanID() {
		d.ParentID = span.Parent().SpanID().String()
	}
	attributes := span.Attributes()
	if topmost(span) {
		attributes = append(attributes, span.Resource().Attributes()...)
	} else {
		d.Type = "subsegment"
	}
	more := map[string]any{}
	for _, a := range attributes {
		value := plain(a.Value)
		if slices.Contains(indexed, a.Key) {
			d.Annotations[strings.ReplaceAll(string(a.Key), ".", "_")] = value
		} else {
			more[string(a.Key)] = value
		}
	}
	if len(more) > 0 {
		d.Metadata["default"] = more
	}
	for _, e := range span.Events() {
		d.tell(e)
	}
	for _, l := range span.Links() {
		d.Links = append(d.Links, Link{TraceID: tracing.ID(l.SpanContext.TraceID()), ID: l.SpanContext.SpanID().String()})
	}
	body, err := json.Marshal(d)
	if err != nil {
		return nil // of a number that JSON has not
	}
	return append([]byte(header), body...)
}

// tell adds an error that a handler recorded.
func (d *Document) tell(e sdk.Event) {
	if e.Name != "exception" {
		return
	}
	said := Exception{ID: fmt.Sprintf("%016x", rand.Uint64())}
	for _, a := range e.Attributes {
		switch a.Key {
		case "exception.type":
			said.Type = a.Value.AsString()
		case "exception.message":
			said.Message = a.Value.AsString()
		}
	}
	if d.Cause == nil {
		d.Cause = &Cause{}
	}
	d.Cause.Exceptions = append(d.Cause.Exceptions, said)
}

// plain is a value that both annotations and JSON have: text, a number or a truth value.
func plain(v attribute.Value) any {
	switch v.Type() {
	case attribute.BOOL:
		return v.AsBool()
	case attribute.INT64:
		return v.AsInt64()
	case attribute.FLOAT64:
		return v.AsFloat64()
	}
	return v.Emit()
}

// name is one that X-Ray takes: up to 200 letters, digits, blanks and these signs.
func name(text string) string {
	kept := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" _.:/%&#=+\\-@", r) {
			return r
		}
		return -1
	}, text)
	if runes := []rune(kept); len(runes) > 200 {
		return string(runes[:200])
	}
	return kept
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
