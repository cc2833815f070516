package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
)

// width is how many columns a terminal has at least.
const width = 80

// table prints lines under their heading, and how many they are.
func table(out io.Writer, what string, lines [][]string) error {
	n := len(lines) - 1
	fmt.Fprintf(out, "%s: %d\n", what, n)
	if n == 0 {
		return nil
	}
	var aligned strings.Builder
	w := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(aligned.String()) {
		fmt.Fprintln(out, strings.TrimRight(line, " \n"))
	}
	return nil
}

// fact is one line of what is known of a thing.
type fact struct{ name, text string }

// facts prints what is known of a thing, but for what is not.
func facts(out io.Writer, all []fact) {
	widest := 0
	for _, f := range all {
		if f.text != "" {
			widest = max(widest, len(f.name))
		}
	}
	for _, f := range all {
		if f.text != "" {
			fmt.Fprintln(out, fold(fmt.Sprintf("  %-*s  %s", widest, f.name, f.text), widest+4))
		}
	}
}

// fold breaks a line between words so that it fits a terminal; what follows begins at a
// column. A word that is wider than that stays whole.
func fold(line string, column int) string {
	var b strings.Builder
	for len([]rune(line)) > width {
		runes := []rune(line)
		at := -1
		for i := width; i > column; i-- {
			if runes[i] == ' ' {
				at = i
				break
			}
		}
		for i := width; at < 0 && i < len(runes); i++ {
			if runes[i] == ' ' {
				at = i
			}
		}
		if at < 0 {
			break
		}
		b.WriteString(strings.TrimRight(string(runes[:at]), " ") + "\n")
		line = strings.Repeat(" ", column) + strings.TrimLeft(string(runes[at:]), " ")
	}
	b.WriteString(line)
	return b.String()
}

func age(since, now time.Time) string {
	if since.IsZero() {
		return "-"
	}
	return span(max(now.Sub(since), 0))
}

// span is a duration in its two largest units: "2d3h", "3h4m", "5m6s", "7s".
func span(d time.Duration) string {
	d = d.Round(time.Second)
	days, hours, minutes, seconds := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm%ds", minutes, seconds)
	}
	return fmt.Sprintf("%ds", seconds)
}

// hours is a duration of the command line as people write it: "24h", "90m".
func hours(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// took is a duration that may be short: "806 ms", "1.6 s", else as span.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return span(d)
}

// at is a moment, with how far it is from now; empty for none.
func at(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	distance := "in " + span(t.Sub(now))
	if !t.After(now) {
		distance = span(now.Sub(t)) + " ago"
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC (" + distance + ")"
}

// instant is a row's time in Unix milliseconds, which is zero for none.
func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// size is a number of bytes for people.
func size(bytes int64) string {
	switch {
	case bytes < 1000:
		return fmt.Sprintf("%d bytes", bytes)
	case bytes < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

// count is a number of things: "1 item", "2 items".
func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return strconv.Itoa(n) + " " + of + "s"
}

// the names a function in a sentence: a worker's, and one that is none of Streamer's, by what
// it is.
func the(function string) string {
	switch function {
	case contract.FunctionRouter, contract.FunctionDispatcher, contract.FunctionProcessor, contract.FunctionReconciler, contract.FunctionAuthorizer:
		return "the " + function
	}
	return "the function " + function
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return plain(s)
}

// plain keeps what came from a message from steering the terminal.
func plain(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}
