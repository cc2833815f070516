package integ_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/backend"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/tracing/tracingtest"
	"github.com/pay-theory/streamer/internal/tracing/xray"
	"github.com/pay-theory/streamer/protocol"
)

// A request that is tried again is one connected tree of spans, from its message, which goes
// on with the client's own trace, to the post that tells of its end.
func TestARequestIsOneTrace(t *testing.T) {
	t.Parallel()
	s := traced(t)
	u, mark := marked()
	rules := noHistory(1)
	rules[0].Contains = append(rules[0].Contains, mark)
	faults(t, s, rules...)
	c := dial(t, u)
	trace := fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
	id := as[protocol.Accepted](t, c.ask(t, protocol.Message{
		Action: "generate_report", ID: u.tenant, Payload: object(t, anyReport), Traceparent: "00-" + trace + "-b7ad6b7169203331-01",
	})).RequestID
	as[protocol.Complete](t, c.end(t, id))
	spans := awaitTree(t, id, "streamer.message(put streamer.send("+
		"streamer.queue streamer.attempt(claim handler retry post) streamer.attempt(claim handler complete post)))")
	for _, d := range spans {
		if d.TraceID != "1-"+trace[:8]+"-"+trace[8:] || d.InProgress || d.End < d.Start || d.Start < 1e9 {
			t.Errorf("span %+v", d)
		}
		if d.Name == "streamer.message" && d.ParentID != "b7ad6b7169203331" {
			t.Errorf("the message's span is below %s", d.ParentID)
		}
		if fails := d.Name == "handler" || d.Name == "streamer.attempt"; d.Fault && !fails {
			t.Errorf("failed: %+v", d)
		}
		text := object(t, d)
		if strings.HasPrefix(d.Name, "streamer.") && d.Name != "streamer.queue" && (d.Annotations["streamer_request_id"] != id || d.Annotations["streamer_tenant"] != u.tenant || d.Annotations["streamer_action"] != "generate_report") {
			t.Errorf("%s is about %v", d.Name, d.Annotations)
		}
		for _, secret := range []string{"start_date", "X-Amz", "Querying"} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s is in the trace: %s", secret, text)
			}
		}
	}
}

// A service's request is a part of the trace in which it is submitted.
func TestAServicesRequestJoinsItsTrace(t *testing.T) {
	t.Parallel()
	traced(t)
	u := fresh()
	own := tracingtest.New()
	ctx, span := own.Start(t.Context(), "order")
	run, err := backend.Submit(ctx, service(t).As(u.tenant, u.name), handlers.EchoAsync, echoes("x", 100, 1), nil)
	span.End()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Result(context.WithoutCancel(ctx)); err != nil {
		t.Fatal(err)
	}
	if got := own.Tree(t); got != "order(put)" {
		t.Errorf("the service's own spans are %s", got)
	}
	for _, d := range awaitTree(t, run.ID(), "streamer.send(streamer.queue streamer.attempt(claim handler complete post))") {
		if id := span.SpanContext(); d.TraceID != tracing.ID(id.TraceID()) || d.Name == "streamer.send" && d.ParentID != id.SpanID().String() {
			t.Errorf("%s is of trace %s, below %s, want %v", d.Name, d.TraceID, d.ParentID, id)
		}
	}
}

// traced is a stage whose traces can be read.
func traced(t *testing.T) *stage {
	t.Helper()
	s := local(t, "a file of traces")
	if os.Getenv("STREAMER_TRACE_FILE") == "" {
		t.Fatal("STREAMER_TRACE_FILE is not set: scripts/stage sets it")
	}
	return s
}

// awaitTree waits until the spans of a request are a tree that matches want, and returns
// them. Hints that nobody worked on are left out: one too many is normal, and so is one whose
// sender was killed over another's.
func awaitTree(t *testing.T, requestID, want string) []xray.Document {
	t.Helper()
	whole := regexp.MustCompile("^" + strings.NewReplacer("(", `\(`, ")", `\)`, "[", "(?:", "]", ")").Replace(want) + "$")
	for end := time.Now().Add(patience); ; time.Sleep(250 * time.Millisecond) {
		spans := workedOn(spansOf(t, requestID))
		got := tree(spans)
		if whole.MatchString(got) && !slices.ContainsFunc(spans, func(d xray.Document) bool { return d.InProgress }) {
			return spans
		}
		if time.Now().After(end) {
			t.Fatalf("the trace is  %s\nwant          %s", got, want)
		}
	}
}

// spansOf are the spans of a request's trace, by their beginnings. Of one that was written
// twice the second counts.
func spansOf(t *testing.T, requestID string) []xray.Document {
	t.Helper()
	file, err := os.ReadFile(os.Getenv("STREAMER_TRACE_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	file = file[:bytes.LastIndexByte(file, '\n')+1] // what follows is being written
	by := map[string]xray.Document{}
	about := requestID // and once it is known, the trace
	for again := true; again; {
		again = false
		for line := range bytes.Lines(file) {
			if !bytes.Contains(line, []byte(about)) {
				continue
			}
			var d xray.Document
			if err := json.Unmarshal(line, &d); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			if about == requestID {
				about, again = d.TraceID, true
				break
			}
			if d.TraceID == about {
				by[d.ID] = d
			}
		}
	}
	spans := slices.Collect(maps.Values(by))
	slices.SortFunc(spans, func(a, b xray.Document) int {
		switch {
		case a.Start < b.Start:
			return -1
		case a.Start > b.Start:
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	return spans
}

// workedOn leaves out hints below which there is nothing.
func workedOn(spans []xray.Document) []xray.Document {
	return slices.DeleteFunc(slices.Clone(spans), func(d xray.Document) bool {
		return d.Name == "streamer.send" && !slices.ContainsFunc(spans, func(other xray.Document) bool { return other.ParentID == d.ID })
	})
}

// tree writes spans as they hang below each other, those that hang nowhere side by side.
func tree(spans []xray.Document) string {
	var under func(id string) string
	written := func(d xray.Document) string {
		below := under(d.ID)
		if below == "" {
			return d.Name
		}
		return d.Name + "(" + below + ")"
	}
	under = func(id string) string {
		var parts []string
		for _, d := range spans {
			if d.ParentID == id {
				parts = append(parts, written(d))
			}
		}
		return strings.Join(parts, " ")
	}
	var parts []string
	for _, d := range tops(spans) {
		parts = append(parts, written(d))
	}
	return strings.Join(parts, " ")
}

// tops are the spans that hang below no other.
func tops(spans []xray.Document) []xray.Document {
	return slices.DeleteFunc(slices.Clone(spans), func(d xray.Document) bool {
		return slices.ContainsFunc(spans, func(other xray.Document) bool { return other.ID == d.ParentID })
	})
}

// connected tells if the spans of a request are not one tree, whatever became of those who
// wrote them.
func connected(t *testing.T, requestID string) {
	t.Helper()
	spans := spansOf(t, requestID)
	if top := tops(spans); len(top) != 1 || top[0].Name != "streamer.message" {
		t.Errorf("the trace of %s is no tree: %s", requestID, tree(spans))
	}
}
