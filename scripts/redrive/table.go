package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
)

// show lists the dead letters, then the open requests, also those with dead letters.
func show(out io.Writer, all []request, now time.Time) error {
	letters := [][]string{{"REQUEST", "TENANT", "STATUS", "RECEIVED", "AGE", "MESSAGE"}}
	open := [][]string{{"REQUEST", "TENANT", "ACTION", "STATUS", "ATTEMPT", "AGE", "WAITING", "HINTS"}}
	for _, r := range all {
		for _, l := range r.dead {
			letters = append(letters, []string{r.name(), dash(r.key.Tenant), r.status(now), received(l), age(l.sent, now), l.message})
		}
		if r.open(now) {
			open = append(open, []string{r.name(), dash(r.key.Tenant), plain(r.row.Action), string(r.row.Status),
				fmt.Sprintf("%d of %d", r.row.Attempt, r.row.MaxAttempts), age(time.UnixMilli(r.row.CreatedAt), now), waiting(r.row, now), strconv.Itoa(r.row.Hints)})
		}
	}
	if err := table(out, "dead letters", letters); err != nil {
		return err
	}
	fmt.Fprintln(out)
	return table(out, "open requests", open)
}

// tell says what would be done about each request, or what was.
func tell(out io.Writer, all []request, acted bool) error {
	lines := [][]string{{"REQUEST", "TENANT", "STATUS", "DEAD LETTERS", "WHAT TO DO"}}
	if acted {
		lines[0] = append(lines[0], "DONE")
	}
	for _, r := range all {
		status := "-"
		switch {
		case r.exists:
			status = string(r.row.Status)
		case r.readable():
			status = "none"
		}
		line := []string{r.name(), dash(r.key.Tenant), status, strconv.Itoa(len(r.dead)), string(r.step)}
		if acted {
			line = append(line, r.done)
		}
		lines = append(lines, line)
	}
	if err := table(out, "selected", lines); err != nil {
		return err
	}
	if !acted && len(all) > 0 {
		fmt.Fprintln(out, "\nNothing was done: -yes does it.")
	}
	return nil
}

// table prints lines under their heading, and how many they are.
func table(out io.Writer, what string, lines [][]string) error {
	n := len(lines) - 1
	fmt.Fprintf(out, "%s: %d\n", what, n)
	if n == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		fmt.Fprintln(w, "  "+strings.Join(line, "\t"))
	}
	return w.Flush()
}

// name is the request's id, or what the dead letter says that names none.
func (r request) name() string {
	if r.readable() {
		return r.key.ID
	}
	const most = 26 // as long as an id
	body := r.dead[0].body
	if len(body) > most {
		body = body[:most-3] + "..."
	}
	return strconv.QuoteToASCII(body)
}

// status is the row's, with what it means for a hint.
func (r request) status(now time.Time) string {
	switch {
	case !r.readable():
		return "unreadable"
	case !r.exists:
		return "no such request"
	case r.open(now):
		return fmt.Sprintf("%s, %s", r.row.Status, waiting(r.row, now))
	}
	return string(r.row.Status)
}

// waiting says how long an open request has been waiting for a hint, or what it is that
// it does not wait for one yet.
func waiting(row lifecycle.Row, now time.Time) string {
	since, is := due(row, now)
	if is {
		return "due for " + age(since, now)
	}
	return "due in " + span(since.Sub(now))
}

func received(l letter) string {
	if l.received == 0 {
		return "-"
	}
	return strconv.Itoa(l.received)
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
