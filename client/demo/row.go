package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/protocol"
)

// row is one request and all that is shown of it.
type row struct {
	action string
	number string // tells requests of one action apart: " 2"
	id     string // empty until it is accepted
	update client.Update
	result json.RawMessage
	err    error // why there is no result
	// done says that the request has ended, and not only the watching.
	done           bool
	started, ended time.Time
}

// percentage is 0 to 100, whatever came.
func (r row) percentage() float64 { return min(max(r.update.Percentage, 0), 100) }

// took is how long it takes so far, or took.
func (r row) took(now time.Time) string {
	if !r.ended.IsZero() {
		now = r.ended
	}
	return elapsed(max(now.Sub(r.started), 0)) // the stage's clock may be ahead
}

// label is what the row is called.
func (r row) label() string { return clean(cmp.Or(r.action, r.id)) + r.number }

// name is the label in n columns; the number is the last of it that is cut.
func (r row) name(n int) string {
	whole := r.label()
	if width(whole) > n && len(r.number) < n {
		return fit(clean(cmp.Or(r.action, r.id)), n-len(r.number)) + r.number
	}
	return fit(whole, n)
}

// problem is why there is no result: what the stage says, or what went wrong on the way.
func (r row) problem() string {
	if e, ok := errors.AsType[*client.Error](r.err); ok {
		return clean(e.Error())
	}
	return clean(r.err.Error())
}

// message says what the request is doing, on one line.
func (r row) message(now time.Time) string {
	switch {
	case r.err != nil:
		return r.problem()
	case r.result != nil:
		return r.summary()
	case r.update.Status == "":
		return "sending"
	case r.update.Status == protocol.Pending:
		return "waiting"
	case r.update.Status == protocol.Retrying:
		return fmt.Sprintf("attempt %d failed (%s), next in %s", r.update.Attempt, r.update.Code, elapsed(max(r.update.NextAt.Sub(now), 0)))
	case r.update.Attempt > 1:
		return fmt.Sprintf("attempt %d: %s", r.update.Attempt, clean(r.update.Message))
	}
	return clean(r.update.Message)
}

// file is what a result says of the file that it links to.
type file struct {
	URL       string `json:"url"`
	ExpiresAt int64  `json:"expires_at"`
	Size      int64  `json:"size"`
	Pages     int    `json:"pages"`
	Rows      int    `json:"rows"`
}

// linked returns the file that a result links to, if it does.
func linked(result json.RawMessage) (f file, ok bool) {
	return f, json.Unmarshal(result, &f) == nil && f.URL != ""
}

// summary is the result in a few words.
func (r row) summary() string {
	f, ok := linked(r.result)
	if !ok {
		var compact bytes.Buffer
		_ = json.Compact(&compact, r.result) // it came as JSON
		return clean(compact.String())
	}
	text := size(f.Size)
	if f.Pages > 0 {
		text += ", " + count(f.Pages, "page")
	}
	if f.Rows > 0 {
		text += ", " + count(f.Rows, "row")
	}
	return text
}

// text is the result as people read it, perhaps with its link, which is long, on a line of its
// own.
func (r row) text(link bool) string {
	text := r.label() + ": " + r.summary()
	if f, ok := linked(r.result); ok && link {
		if f.ExpiresAt > 0 {
			text += time.UnixMilli(f.ExpiresAt).Format(", link until 15:04:05")
		}
		text += "\n  " + clean(f.URL)
	}
	return text
}

// json is the row as programs read it.
func (r row) json() string {
	out := struct {
		Action    string          `json:"action"`
		RequestID string          `json:"request_id,omitempty"`
		Status    protocol.Status `json:"status,omitempty"`
		Result    json.RawMessage `json:"result,omitempty"`
		Error     string          `json:"error,omitempty"`
	}{Action: r.action, RequestID: r.id, Status: r.update.Status, Result: r.result}
	if r.err != nil {
		out.Error = r.err.Error()
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(out) // strings, and JSON that was read as such
	return string(bytes.TrimSpace(line.Bytes()))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// size is a number of bytes for people: 812 B, 35.5 kB, 1.2 MB.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	units, value := "kMGT", float64(n)/1000
	for value >= 999.95 && len(units) > 1 {
		units, value = units[1:], value/1000
	}
	return fmt.Sprintf("%.1f %cB", value, units[0])
}

// elapsed is a duration in at most 6 columns: 420ms, 4.2s, 42s, 3m07s, 12h05m, 3d04h.
func elapsed(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d/time.Millisecond)
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}
