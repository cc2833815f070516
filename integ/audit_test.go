package integ_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/backend"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
)

// record is a line of the audit log.
type record struct {
	Msg, Verb, Outcome, Code, Tenant, Subject, Connection, Address, Request, Action, Link, Invocation string
}

// TestAuditSaysWhoDidWhat finds a record for all that a user, a stranger and a service did,
// in the logs of the functions and of the service.
func TestAuditSaysWhoDidWhat(t *testing.T) {
	t.Parallel()
	s := local(t, "the log of its functions")
	before := time.Now().Add(-time.Second)
	u := fresh()
	c, stranger := dial(t, u), dial(t, user{u.tenant, "bob"})
	m := protocol.Message{Action: "echo_async", IdempotencyKey: "once", Payload: object(t, echoAsync{"x", 100, 1})}
	id := as[protocol.Accepted](t, c.ask(t, m)).RequestID
	c.end(t, id)
	c.ask(t, m)
	report, _, _ := generate(t, c, today("csv"))
	c.about(t, protocol.ActionGet, report)
	stranger.about(t, protocol.ActionGet, id)
	long := c.submit(t, "echo_async", echoAsync{"long", 150_000, 150})
	c.about(t, protocol.ActionCancel, long)
	c.end(t, long)
	c.announce(t, object(t, echoAsync{strings.Repeat("x", 40_000), 100, 1}))

	var own bytes.Buffer
	outputs := outputsOf(t)
	b, err := backend.New(backend.Config{
		AWS: asRole(t, serviceRole), RequestsTable: outputs[contract.OutputRequestsTable], FilesBucket: outputs[contract.OutputFilesBucket], Audit: &own,
	}, handlers.EchoAsync)
	if err != nil {
		t.Fatal(err)
	}
	run, err := backend.Submit(t.Context(), b.As(u.tenant, u.name), handlers.EchoAsync, echoes("x", 100, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Result(t.Context()); err != nil {
		t.Fatal(err)
	}

	// Whatever has come by now, and what is still missing.
	records := func() (got []record) {
		lines := strings.Split(own.String(), "\n")
		for _, e := range logged(t, s, before) {
			lines = append(lines, e.Message)
		}
		for _, line := range lines {
			var r record
			if json.Unmarshal([]byte(line), &r) == nil && r.Msg == contract.AuditMessage && r.Tenant == u.tenant {
				got = append(got, r)
			}
		}
		return got
	}
	want := []string{
		"connect accepted ada", "connect accepted bob",
		"submit accepted ada echo_async " + id, "submit duplicate ada echo_async " + id,
		"deliver accepted ada echo_async " + id,
		"submit accepted ada generate_report " + report,
		"deliver accepted ada generate_report " + report + " link", "get accepted ada generate_report " + report + " link",
		"get refused NOT_FOUND bob " + id,
		"cancel accepted ada echo_async " + long, "deliver accepted ada echo_async " + long,
		"upload accepted ada link",
		"submit accepted ada echo_async " + run.ID(), "deliver accepted ada echo_async " + run.ID(),
	}
	var missing []string
	for range 100 {
		missing = slices.Clone(want)
		for _, r := range records() {
			link := ""
			if strings.HasPrefix(r.Link, contract.FilesPrefix+u.tenant+"/") {
				link = "link"
			}
			short := strings.Join(strings.Fields(strings.Join([]string{r.Verb, r.Outcome, r.Code, r.Subject, r.Action, r.Request, link}, " ")), " ")
			missing = slices.DeleteFunc(missing, func(w string) bool { return w == short })
			if r.Verb != "deliver" && r.Invocation != "" && (r.Connection == "" || r.Address == "") {
				t.Errorf("from nowhere: %+v", r)
			}
		}
		if len(missing) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond) // the processor's log comes when its message is done
	}
	t.Errorf("no record of\n%s\namong %+v", strings.Join(missing, "\n"), records())
}
