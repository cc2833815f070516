package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	const id = "01JGH000000000000000000001"
	for line, want := range map[string]string{
		"doctor":                       "",
		"--json requests":              `no command "--json"`,
		"requests -open --json":        "",
		"request " + id + " -payload":  "",
		"request -payload " + id:       "",
		"post c {}":                    "",
		"":                             "say what to look at",
		"jump":                         `no command "jump"`,
		"request":                      "say which: inspect request ID",
		"request a b":                  `"b" is one argument too many: inspect request ID`,
		"queues x":                     `"x" is one argument too many: inspect queues`,
		"queues -fast":                 "inspect queues -help has the flags",
		"requests -older-than 5":       "invalid value",
		"requests -status ready":       "want one of [PENDING",
		"resend -id= -yes":             "no id",
		"resend -all -yes -- whatever": `"whatever" is one argument too many`,
	} {
		_, err := parse(strings.Fields(line), &bytes.Buffer{})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: err %v, want %q", line, err, want)
		}
	}
	c, err := parse([]string{"post", "c", "{}", "--yes", "-json"}, &bytes.Buffer{})
	if err != nil || !c.yes || !c.json || !slices.Equal(c.args, []string{"c", "{}"}) {
		t.Errorf("%+v, %v", c, err)
	}
}

// What is wrong with a command line is found before or behind the stage is found; either way
// the status says so.
func TestStatusOfAWrongCommandLine(t *testing.T) {
	for line, want := range map[string]string{
		"resend -yes":                    "say which with one of",
		"resend -all -id x":              "say which with one of",
		"resend -older-than -5m":         "must be above zero",
		"requests -user ann":             "give -tenant too",
		"requests -status failed":        "give -tenant",
		"requests -open -status failed":  "no open request",
		"requests -limit 0":              "must be above zero",
		"request 42":                     "no request's id",
		"logs 42":                        "no request's id",
		"disconnect":                     "say whose",
		"disconnect -tenant acme":        "say whose",
		"disconnect c -tenant a -user b": "say whose",
		"post c no":                      "is no JSON",
		"connections -user ann":          "give -tenant too",
		"forget":                         "say whose data",
		"forget -user ann -yes":          "give -tenant too",
	} {
		w := begin(t)
		c, err := parse(strings.Fields(line), &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		w.terminal = terminal{strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}, false}
		err = c.task(t.Context(), &w.session, c.args)
		if _, is := err.(usageError); !is || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", line, err)
		}
	}
	var out, said bytes.Buffer
	term := terminal{strings.NewReader(""), &out, &said, false}
	if status := run(t.Context(), []string{"jump"}, "", term); status != exitUsage || !strings.Contains(out.String(), "doctor") {
		t.Errorf("status %d: %s", status, &out)
	}
	if status := run(t.Context(), []string{"requests", "-help"}, "", term); status != 0 || !strings.Contains(out.String(), "-older-than") {
		t.Errorf("status %d: %s", status, &out)
	}
	if status := run(t.Context(), []string{"queues"}, "", term); status != exitFailed || !strings.Contains(said.String(), "-stack names") {
		t.Errorf("status %d: %s", status, &said)
	}
}

// The usage fits a terminal, and so does every help.
func TestUsageFits(t *testing.T) {
	var all strings.Builder
	usage(&all)
	for line := range strings.Lines(all.String()) {
		if len(line) > width+1 {
			t.Errorf("%q is wider than a terminal", line)
		}
	}
}

func TestAStackWithoutOutputs(t *testing.T) {
	at := begin(t).Stage
	at.Stack.Values = map[string]string{"WorkQueueUrl": "w", "ConnectionsTableName": "c", "FilesBucketName": "f", "CallbackUrl": "https://x"}
	if _, err := newSession(at, chosen{}, terminal{}); err == nil || err.Error() != "stack S has no output RequestsTableName\nstack S has no output DeadLetterQueueUrl" {
		t.Errorf("got %v", err)
	}
}
