package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/logging"
	"github.com/pay-theory/streamer/protocol"
)

// A record has every member, whatever it is about and whatever else its context says.
func TestShape(t *testing.T) {
	always := []string{"action", "address", "code", "connection", "level", "link", "msg", "outcome", "request", "subject", "tenant", "time", "verb"}
	about := logging.About(t.Context(), "tenant", "another", "connection", "another", "action", "another")
	for _, ctx := range []context.Context{t.Context(), about} {
		for _, r := range []audit.Record{{}, {Verb: audit.Get, Outcome: audit.Refused, Code: protocol.NotFound, Tenant: "acme", Subject: "ann"}} {
			var out bytes.Buffer
			audit.To(&out).Write(ctx, r)
			var line map[string]string
			if err := json.Unmarshal(out.Bytes(), &line); err != nil {
				t.Fatalf("%v in %s", err, &out)
			}
			if got := slices.Sorted(maps.Keys(line)); !slices.Equal(got, always) {
				t.Errorf("members %v, want %v", got, always)
			}
			if line["msg"] != "audit" || line["tenant"] != r.Tenant || line["code"] != string(r.Code) || line["connection"] != "" || line["action"] != "" {
				t.Errorf("%+v is %s", r, &out)
			}
		}
	}
}

func TestNoLogWritesNothing(t *testing.T) {
	audit.Log{}.Write(t.Context(), audit.Record{})
	audit.To(nil).Write(t.Context(), audit.Record{})
}
