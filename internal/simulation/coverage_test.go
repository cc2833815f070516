package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// coverage counts what a world, or all of them, came by: which writes, verdicts, verbs,
// frames, codes, ends and faults. Each is two or three words, of which the first says
// what it is.
type coverage map[string]int

// saw counts one thing.
func (c coverage) saw(format string, args ...any) {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	c[strings.TrimSpace(format)]++
}

func (c coverage) add(other coverage) {
	for what, n := range other {
		c[what] += n
	}
}

// String is a table with a line for each first word.
func (c coverage) String() string {
	var out strings.Builder
	group := ""
	for _, what := range slices.Sorted(maps.Keys(c)) {
		first, rest, _ := strings.Cut(what, " ")
		if first != group {
			group = first
			fmt.Fprintf(&out, "\n%8s:", group)
		}
		fmt.Fprintf(&out, "  %s %d", rest, c[what])
	}
	return out.String()
}

// hold fails if something was not seen that must be.
func (c coverage) hold(t *testing.T) {
	t.Helper()
	for group, kinds := range expectations {
		for _, kind := range kinds {
			if c[group+" "+kind] == 0 {
				t.Errorf("not once in all seeds: %s %s", group, kind)
			}
		}
	}
}

// enough seeds to have seen everything.
const enough = 1000

// expectations are what 1,000 seeds must come by. What a few seeds in a thousand see is
// not among them.
var expectations = map[string][]string{
	"write": {
		"create", "claim", "resume", "pulse", "save", "continue", "complete", "fail", "cancelled", "retry", "end", "ask to cancel",
		"watch", "unwatch", "repost", "resend", "hand over", "take over", "told",
	},
	"refused": {"claim", "pulse", "complete", "watch", "unwatch", "end"},
	"settle":  {"drop", "wait", "tell", "own", "finish cancelled", "finish overdue", "finish exhausted"},
	"end": {
		"COMPLETED", "COMPLETED BUSY", "COMPLETED INTERNAL", "CANCELLED", "FAILED BAD", "FAILED BUSY", "FAILED INTERNAL",
		"FAILED TIMEOUT", "FAILED DEADLINE", "FAILED ATTEMPTS_EXHAUSTED",
	},
	"verb": {
		"work", "long", "once", "question", "streamer.subscribe", "streamer.unsubscribe", "streamer.get", "streamer.cancel",
		"streamer.list", "streamer.upload", "streamer.ping",
	},
	"frame": {
		"response", "accepted", "progress", "retrying", "complete", "failed", "cancelled", "error", "subscribed", "unsubscribed",
		"request", "requests", "pong", "upload",
	},
	"refusal": {
		"BAD", "BUSY", "BAD_MESSAGE", "MESSAGE_TOO_LARGE", "UNKNOWN_ACTION", "INVALID_PAYLOAD", "UNAUTHENTICATED", "NOT_FOUND",
		"IDEMPOTENCY_MISMATCH", "TIMEOUT", "RESULT_TOO_LARGE", "UNAVAILABLE", "INTERNAL", "TOO_MANY_REQUESTS",
	},
	"ledger": {"enter", "look", "strike"},
	"fault":  every(fateNames[1:], "table", "queue", "post", "files"),
	"death": {
		"router crash", "dispatcher crash", "processor crash", "reconciler crash",
		"router out of time", "dispatcher out of time", "processor out of time",
		"remote crash",
	},
	"world": {
		"disconnect", "unchecked upload", "PUT by a client failed", "PUT by a client done-but-failed", "GET by a client failed",
		"record lost", "record twice", "message twice", "delete lost", "stale delete", "stale hold", "misplaced", "vanish", "key anew", "asked for what expired", "index late", "list of several pages", "index shows open", "index shows ended", "no disconnect event",
		"task twice", "task late", "task again",
	},
}

// every is each kind of a call with each fate.
func every(fates []string, kinds ...string) (all []string) {
	for _, k := range kinds {
		for _, f := range fates {
			all = append(all, k+" "+f)
		}
	}
	return all
}
