package tracing

import (
	"context"
	"encoding/hex"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// Header is the span that ctx has, as an X-Ray tracing header: "Root=1-…;Parent=…;Sampled=1".
// It is empty if the span is not recorded.
func Header(ctx context.Context) string {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsSampled() {
		return ""
	}
	return "Root=" + ID(span.TraceID()) + ";Parent=" + span.SpanID().String() + ";Sampled=1"
}

// ID writes a trace's id as X-Ray does, which takes those of W3C Trace Context so, too
// (AWS X-Ray developer guide, "Sending trace data to AWS X-Ray").
func ID(id trace.TraceID) string {
	digits := id.String()
	return "1-" + digits[:8] + "-" + digits[8:]
}

// Parse reads an X-Ray tracing header (AWS X-Ray developer guide, "AWS X-Ray concepts",
// Tracing header). What it does not understand is an invalid span.
func Parse(header string) trace.SpanContext {
	config := trace.SpanContextConfig{Remote: true}
	for header != "" {
		var field string
		field, header, _ = strings.Cut(header, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Root":
			config.TraceID = parseID(value)
		case "Parent":
			if id, err := trace.SpanIDFromHex(value); err == nil {
				config.SpanID = id
			}
		case "Sampled":
			if value == "1" {
				config.TraceFlags = trace.FlagsSampled
			}
		}
	}
	if !config.TraceID.IsValid() {
		return trace.SpanContext{}
	}
	return trace.NewSpanContext(config)
}

func parseID(text string) (id trace.TraceID) {
	if len(text) != len("1-01234567-0123456789abcdef01234567") || text[:2] != "1-" || text[10] != '-' {
		return id
	}
	var read trace.TraceID
	if _, err := hex.Decode(read[:], []byte(text[2:10]+text[11:])); err != nil {
		return id
	}
	return read
}

// IDOf is the id of the trace that ctx is of, the request's or else that of the run of a
// function, as X-Ray writes it. It is empty if there is none.
func IDOf(ctx context.Context) string {
	of := trace.SpanContextFromContext(ctx)
	if !of.HasTraceID() {
		if of = invocation(ctx); !of.HasTraceID() {
			return ""
		}
	}
	return ID(of.TraceID())
}

// invocation is the trace that Lambda keeps of the run which ctx is of.
func invocation(ctx context.Context) trace.SpanContext {
	header, _ := ctx.Value("x-amzn-trace-id").(string) // where aws-lambda-go puts it
	return Parse(header)
}
