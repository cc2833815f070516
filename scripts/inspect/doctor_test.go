package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/pay-theory/streamer/internal/logs"
	"github.com/pay-theory/streamer/internal/place"
)

func TestFindingsAreShown(t *testing.T) {
	s := &session{Stage: place.Stage{Place: place.Place{Caller: "arn:aws:iam::123456789012:user/ann"}}}
	refusal := fmt.Errorf("look at the alarms: %w", &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized to perform cloudwatch:DescribeAlarms"})
	all := []finding{ok("deployed %s ago", "2d3h"), wrong("inspect dead-letters", "%s", count(2, "dead letter")), know("look again", "somebody deploys it"),
		unseen(s, refusal), unseen(s, fmt.Errorf("the table said \x1b[2J"))}
	for i, name := range []string{"stack", "queues", "queues", "alarms", "tables"} {
		all[i].Check = name
	}
	var out strings.Builder
	if err := showFindings(&out, all, s); err != nil {
		t.Fatal(err)
	}
	const want = `  ok    stack        deployed 2d3h ago
  BAD   queues       2 dead letters
                     → inspect dead-letters
  note               somebody deploys it
                     → look again
  ?     alarms       look at the alarms: api error AccessDenied: not authorized
                     to perform cloudwatch:DescribeAlarms
                     → grant what the message names to
                       arn:aws:iam::123456789012:user/ann
  ?     tables       "the table said \x1b[2J"
                     → try again; the message is AWS's

1 ok, 1 to know, 1 to do, 2 unknown; looked at as
arn:aws:iam::123456789012:user/ann
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

// What functions log of a missing grant is told apart from other errors.
func TestRefusalsAreKnown(t *testing.T) {
	for line, want := range map[string]bool{
		`{"level":"ERROR","msg":"message not done","error":"operation error DynamoDB: UpdateItem, api error AccessDeniedException: User is not authorized"}`: true,
		`{"level":"ERROR","msg":"post denied: this function's role lacks execute-api:ManageConnections","error":"403"}`:                                      true,
		`{"level":"ERROR","msg":"message not done","error":"operation error SQS: SendMessage, api error KMS.AccessDeniedException: no"}`:                     true,
		`{"level":"ERROR","msg":"handler failed","error":"the image lacks a title"}`:                                                                         false,
		`{"level":"ERROR","msg":"keys not fetched","error":"connection refused"}`:                                                                            false,
	} {
		if e := read(logs.Event{Message: line}); !e.failed() || refused.Match(e.Line) != want {
			t.Errorf("%s: failed %t, refused %t", line, e.failed(), refused.Match(e.Line))
		}
	}
}

// What the AWS SDK only warns of is no error, and a panic is.
func TestRemarksAreNoErrors(t *testing.T) {
	for line, want := range map[string]bool{
		"SDK 2026/01/02 03:00:00 WARN failed to close HTTP response body": false,
		"SDK 2026/01/02 03:00:00 ERROR what it may log one day":           true,
		"panic: runtime error: index out of range [1] with length 1":      true,
	} {
		e := read(logs.Event{Message: line})
		if e.failed() != want {
			t.Errorf("%s: failed %t", line, e.failed())
		}
		if !want && (e.said.words != "AWS SDK: failed to close HTTP response body" || e.said.level != "WARN") {
			t.Errorf("is told as %+v", e.said)
		}
	}
}

func TestFunctionsAreNamedInSentences(t *testing.T) {
	for label, want := range map[string]string{"router": "the router", "reports": "the function reports", "Mine": "the function Mine"} {
		if got := the(label); got != want {
			t.Errorf("%s is %q", label, got)
		}
	}
}

func TestEntriesAreTakenTogetherByFunction(t *testing.T) {
	var names []string
	for _, of := range byFunction([]entry{{Function: "b"}, {Function: "a"}, {Function: "b"}}) {
		names = append(names, fmt.Sprint(of[0].Function, len(of)))
	}
	if !slices.Equal(names, []string{"b2", "a1"}) {
		t.Errorf("got %v", names)
	}
}
