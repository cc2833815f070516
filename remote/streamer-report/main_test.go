package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"progress 30":                 `30 "" false null <nil>`,
		"progress 30% Querying data":  `30 "Querying data" false null <nil>`,
		"progress 12.5   at it":       `12.5 "at it" false null <nil>`,
		"complete":                    `0 "" true null <nil>`,
		`complete {"a": [1, 2]}`:      `0 "" true {"a": [1, 2]} <nil>`,
		"fail BAD_VIDEO no video":     `0 "" true null BAD_VIDEO: no video`,
		"retry the disk is full":      `0 "" true null the disk is full`,
		"progress":                    "",
		"progress soon":               "",
		"complete {":                  "",
		"fail":                        "",
		"fail BAD_VIDEO":              "",
		"run sh":                      "",
		"a line of the command's own": "",
		"":                            "",
	} {
		word, rest, _ := strings.Cut(line, " ")
		s, err := parse(word, rest)
		if want == "" {
			if _, senseless := errors.AsType[usageError](err); !senseless {
				t.Errorf("%q: got %+v, %v", line, s, err)
			}
			continue
		}
		result := s.result
		if result == nil {
			result = json.RawMessage("null")
		}
		if got := fmt.Sprintf("%v %q %v %s %v", s.percentage, s.text, s.ends, result, s.failure); got != want || err != nil {
			t.Errorf("%q: got %s, want %s, err %v", line, got, want, err)
		}
	}
}

func TestStatus(t *testing.T) {
	for want, err := range map[int]error{
		0: nil, 1: errors.New("no answer"), 2: fmt.Errorf("x: %w", usageError{"x"}), 3: fmt.Errorf("x: %w", streamer.ErrCancelled), 4: fmt.Errorf("x: %w", streamer.ErrLost),
	} {
		if got := status(err); got != want {
			t.Errorf("%v: got %d, want %d", err, got, want)
		}
	}
}

func TestSenselessWords(t *testing.T) {
	for _, ticket := range []string{"", "none"} {
		t.Setenv("STREAMER_TICKET", ticket)
		for _, words := range [][]string{nil, {"progress", "30"}} {
			if err := report(t.Context(), words); status(err) != statusUsage {
				t.Errorf("%q, %q: %v", ticket, words, err)
			}
		}
	}
}

// sayings keeps what a command reports.
type sayings struct {
	reports []string
	result  string
}

func (s *sayings) Report(percentage float64, message string) {
	s.reports = append(s.reports, fmt.Sprint(percentage, " ", message))
}
func (s *sayings) Step(float64, string) {}
func (s *sayings) Complete(result json.RawMessage) error {
	s.result = string(result)
	return nil
}

func TestWork(t *testing.T) {
	t.Setenv("STREAMER_TICKET", "secret")
	req := &streamer.Request[json.RawMessage]{ID: "01JGH00000000000000000000A", Attempt: 2, Payload: json.RawMessage(`{"n":7}`)}
	for script, want := range map[string]struct {
		reports     []string
		result, err string
	}{
		`true`:                             {},
		`echo progress 5; echo progress 9`: {reports: []string{"5 ", "9 "}},
		`printf 'progress 5 a\r\nno word\ncomplete 1\ncomplete 2'`:                            {reports: []string{"5 a"}, result: "2"},
		`read p; echo "complete $p"`:                                                          {result: `{"n":7}`},
		`echo "complete \"$STREAMER_REQUEST_ID $STREAMER_ATTEMPT ${STREAMER_TICKET:-none}\""`: {result: `"01JGH00000000000000000000A 2 none"`},
		`exit 3`:                          {err: "sh: exit status 3"},
		`sleep 3 & echo complete 1`:       {result: "1"}, // a process that it leaves behind fails nothing
		`echo complete 1; exit 3`:         {err: "sh: exit status 3"},
		`echo fail BAD no; exit 3`:        {err: "BAD: no"},
		`echo fail BAD no`:                {err: "BAD: no"},
		`echo retry later; echo complete`: {result: "null"},
	} {
		var s sayings
		err := work(t.Context(), req, &s, []string{"sh", "-c", script})
		if !slices.Equal(s.reports, want.reports) || s.result != want.result || (err == nil) != (want.err == "") || err != nil && err.Error() != want.err {
			t.Errorf("%s: got %q, %s, %v", script, s.reports, s.result, err)
		}
	}
	if err := work(t.Context(), req, &sayings{}, []string{"./no-such-command"}); err == nil {
		t.Error("a command that is not there has worked")
	}
}

// A command ends with its request, whether it listens or not.
func TestWorkIsStopped(t *testing.T) {
	for _, script := range []string{`exec sleep 600`, `trap '' TERM; while true; do sleep 0.1; done`} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(streamer.ErrCancelled) })
		if err := work(ctx, &streamer.Request[json.RawMessage]{}, &sayings{}, []string{"sh", "-c", script}); !errors.Is(err, streamer.ErrCancelled) {
			t.Errorf("%s: %v", script, err)
		}
	}
}
