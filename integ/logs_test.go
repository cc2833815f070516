package integ_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/internal/logs"
	"github.com/pay-theory/streamer/protocol"
)

// logged reads what the stage's functions wrote since a moment.
func logged(t *testing.T, s *stage, since time.Time) []logs.Event {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	groups, err := logs.Groups(t.Context(), cfg, s.name)
	if err != nil {
		t.Fatal(err)
	}
	events, err := logs.Read(t.Context(), cfg, groups, since, "")
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestLogsKeepSecrets brings payloads, results, tokens and signed links through every
// function, and looks for them in all that was logged since the stage came up, by this test
// and by every other.
func TestLogsKeepSecrets(t *testing.T) {
	t.Parallel()
	s := local(t, "the log of its functions from its beginning")
	secret := "secret-" + strings.ToLower(rand.Text())
	u := fresh()
	c := dial(t, u)
	c.ask(t, protocol.Message{Action: "echo", Payload: object(t, map[string]string{"a": secret})})
	c.ask(t, protocol.Message{Action: "echo_async", Payload: object(t, map[string]any{"message": 7, "secret": secret})}) // refused
	c.write(t, websocket.MessageText, []byte(`{"action":"echo","payload":"`+secret+`"`))                                 // no JSON
	c.end(t, c.submit(t, "echo_async", echoAsync{secret, 100, 1}))
	c.end(t, c.submit(t, "echo_async", echoAsync{strings.Repeat(secret, 800), 100, 1})) // to the bucket and back
	document := object(t, echoAsync{strings.Repeat(secret, 2000), 100, 1})
	upload := c.announce(t, document)
	put(t, upload, document)
	c.end(t, as[protocol.Accepted](t, c.ask(t, protocol.Message{Action: "echo_async", PayloadRef: upload.PayloadRef})).RequestID)
	generate(t, c, today("csv"))

	token, err := s.sign(s.claims(u))
	if err != nil {
		t.Fatal(err)
	}
	_, signature, _ := strings.Cut(token, ".")
	found := 0
	for _, e := range logged(t, s, time.Unix(0, 0)) {
		for what, words := range map[string]string{"a payload or result": secret, "a link's signature": "X-Amz-Signature", "a token's header": strings.Split(token, ".")[0], "a token": signature} {
			if strings.Contains(e.Message, words) {
				t.Errorf("%s is in the log %s: %.400s", what, e.Group.Name, e.Message)
			}
		}
		if strings.Contains(e.Message, u.tenant) {
			found++
		}
	}
	if found < 8 {
		t.Errorf("only %d lines are about the test's tenant: was the log read?", found)
	}
	traces, err := os.ReadFile(os.Getenv("STREAMER_TRACE_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{secret, "X-Amz-Signature", strings.Split(token, ".")[0], signature} {
		if bytes.Contains(traces, []byte(word)) {
			t.Errorf("%.40s is in a trace", word)
		}
	}
	if !bytes.Contains(traces, []byte(u.tenant)) {
		t.Error("no trace is about the test's tenant: were they read?")
	}
}

// TestARequestIsFollowedThroughAllFunctions by its id, and each line says what it is about.
func TestARequestIsFollowedThroughAllFunctions(t *testing.T) {
	t.Parallel()
	s := local(t, "the log of its functions")
	before := time.Now().Add(-time.Second)
	u := fresh()
	c := dial(t, u)
	id := c.submit(t, "echo_async", echoAsync{"x", 100, 1})
	c.end(t, id)
	c.ping(t)

	said := map[string]map[string]any{} // the first line of each message
	for range 100 {
		for _, e := range logged(t, s, before) {
			var line map[string]any
			if !strings.Contains(e.Message, id) || json.Unmarshal([]byte(e.Message), &line) != nil {
				continue
			}
			if msg, _ := line["msg"].(string); said[msg] == nil {
				said[msg] = line
			}
		}
		if said["message done"] != nil {
			break
		}
		time.Sleep(100 * time.Millisecond) // the processor ends after its client has heard of it
	}
	for msg, members := range map[string][]string{
		"message answered": {"request", "tenant", "action", "connection", "invocation"},
		"dispatched":       {"requests", "invocation"},
		"request ended":    {"request", "tenant", "action", "attempt", "status", "invocation"},
		"message done":     {"request", "tenant", "invocation"},
	} {
		line := said[msg]
		for _, member := range members {
			if line[member] == nil {
				t.Errorf("%q lacks %s: %v", msg, member, line)
			}
		}
		if slices.Contains(members, "tenant") && line["tenant"] != u.tenant {
			t.Errorf("%q is about tenant %v", msg, line["tenant"])
		}
	}
}
