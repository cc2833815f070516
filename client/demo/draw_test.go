package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/protocol"
)

var update = flag.Bool("update", false, "write the rendered rows")

var now = time.Date(2026, 1, 31, 12, 0, 30, 0, time.UTC)

// sample has a row of each kind.
func sample() []row {
	at := func(s protocol.Status, percentage float64, message string) client.Update {
		return client.Update{Status: s, Percentage: percentage, Message: message, Attempt: 1, NextAt: now.Add(4 * time.Second), Code: protocol.Unavailable}
	}
	second := at(protocol.Processing, 33.4, "Querying data...")
	second.Attempt = 2
	rows := []row{
		{action: "generate_report", update: at(protocol.Processing, 62.5, "Rendering page 3 of 7")},
		{action: "echo_async", number: " 1"},
		{action: "echo_async", number: " 2", update: at(protocol.Pending, 0, "")},
		{action: "echo_async", number: " 3", update: second},
		{action: "resize", update: at(protocol.Processing, 99.99, "Größe 日本語の画像 😀 \x1b[31mof\r\n a 👩‍👩‍👧 family")},
		{action: "a.rather_long-name.of_an_action.that_is_allowed", update: at(protocol.Retrying, 30, "")},
		{action: "generate_report", update: at(protocol.Completed, 100, ""), done: true, result: json.RawMessage(`{"url":"https://files.example/r.pdf","size":35458,"pages":11,"rows":500}`)},
		{action: "echo", update: at(protocol.Completed, 100, ""), done: true, result: json.RawMessage(`{"hello": "a  world"}`)},
		{action: "resize", update: at(protocol.Failed, 40, ""), done: true, err: &client.Error{Code: protocol.AttemptsExhausted, Message: "the last of 3 attempts ended without an outcome"}},
		{action: "resize", update: at(protocol.Cancelled, 40, ""), done: true, err: &client.Error{Code: client.CodeCancelled, Message: "the request was cancelled"}},
		{action: "resize", update: at(protocol.Processing, 40, ""), err: errors.New("disconnected")},
	}
	for i := range rows {
		rows[i].started = now.Add(-time.Duration(i*i*i) * 1300 * time.Millisecond)
		if rows[i].done || rows[i].err != nil {
			rows[i].ended = now.Add(-time.Second)
		}
	}
	return rows
}

func TestRows(t *testing.T) {
	var got bytes.Buffer
	for _, columns := range []int{8, 16, 24, 32, 40, 60, 80, 120, 200} {
		fmt.Fprintf(&got, "%d columns\n", columns)
		for _, line := range draw(sample(), columns, 50, now, painter{}) {
			if w := width(line); w > columns {
				t.Errorf("%d columns of %d: %q", w, columns, line)
			}
			fmt.Fprintln(&got, line)
		}
	}
	golden(t, "testdata/rows.txt", got.Bytes())
}

func TestColours(t *testing.T) {
	lines := draw(sample(), 80, 50, now, painter{colours: true})
	for i, line := range draw(sample(), 80, 50, now, painter{}) {
		if got := styles.ReplaceAllString(lines[i], ""); got != line || got == lines[i] {
			t.Errorf("colours change %q to %q", line, got)
		}
	}
	golden(t, "testdata/colours.txt", []byte(strings.ReplaceAll(strings.Join(lines, "\n"), "\x1b", "ESC")+"\n"))
}

// golden compares with a reviewed file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from the code: review the change, then run this test with -update\n%s", name, got)
	}
}

func TestRowsFitTheHeight(t *testing.T) {
	rows := sample() // 6 run, 5 have ended
	for height, want := range map[int]string{
		11: "",
		10: "  and 2 more, 2 of them done",
		4:  "  and 8 more, 5 of them done",
		1:  "  and 11 more, 5 of them done",
	} {
		lines := draw(rows, 80, height, now, painter{})
		if len(lines) != height || want != "" && lines[height-1] != want {
			t.Errorf("height %d: got %q", height, lines)
		}
	}
	if lines := draw(rows, 80, 0, now, painter{}); len(lines) != 0 {
		t.Errorf("got %q", lines)
	}
}

func TestBar(t *testing.T) {
	for percentage, want := range map[float64]string{
		0: "    ", 1: "    ", 3.2: "▏   ", 25: "█   ", 50: "██  ", 53.2: "██▏ ", 62.5: "██▌ ", 99.9: "███▉", 100: "████",
	} {
		if got := bar(percentage, 4); got != want {
			t.Errorf("%v %%: got %q, want %q", percentage, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"abc", 5, "abc  "}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"abc", 1, "…"}, {"abc", 0, ""}, {"abc", -1, ""}, {"", 2, "  "},
		{"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日… "}, {"é́x", 2, "é́x"}, {"😀😀", 3, "😀…"},
	} {
		if got := fit(c.text, c.n); got != c.want {
			t.Errorf("fit(%q, %d) is %q, want %q", c.text, c.n, got, c.want)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add("日本 é́ \x1b[2J\u202e👩‍👩‍👧\xff", 7)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = min(max(n, 0), 1000)
		got := fit(clean(s), n)
		if width(got) != n || !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\u009b\r\n\x00\u202e") {
			t.Errorf("fit(%q, %d) is %q, %d columns", s, n, got, width(got))
		}
	})
}

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ms", 999 * time.Millisecond: "999ms", time.Second: "1.0s", 9949 * time.Millisecond: "9.9s", 9950 * time.Millisecond: "9s", 59999 * time.Millisecond: "59s",
		time.Minute: "1m00s", 12*time.Hour + 5*time.Minute: "12h05m", 76 * time.Hour: "3d04h", 13 * 24 * time.Hour: "13d00h",
	} {
		if got := elapsed(d); got != want || len(got) > 6 {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 35458: "35.5 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 5_300_000_000: "5.3 GB", 7e15: "7000.0 TB"} {
		if got := size(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
