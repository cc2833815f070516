package router_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

func listing(payload string) string {
	return `{"id":"m1","action":"streamer.list","payload":` + payload + `}`
}

// list asks for one page.
func (w *world) list(t *testing.T, payload string) protocol.Requests {
	t.Helper()
	f, ok := w.say(t, listing(payload)).(protocol.Requests)
	if !ok || f.Answer != answered || f.Requests == nil {
		t.Fatalf("%s is answered with %+v", payload, f)
	}
	return f
}

// pages follows a list to its end, and returns the ids of each page.
func (w *world) pages(t *testing.T, status string, limit int) (pages [][]string) {
	t.Helper()
	for page := ""; ; {
		f := w.list(t, fmt.Sprintf(`{"status":%q,"limit":%d,"page":%q}`, status, limit, page))
		pages = append(pages, ids(f))
		if page = f.Next; page == "" {
			return pages
		}
	}
}

func ids(f protocol.Requests) []string {
	out := []string{}
	for _, r := range f.Requests {
		out = append(out, r.RequestID)
	}
	return out
}

// several accepts so many requests, a second apart, and returns their ids newest first.
func (w *world) several(t *testing.T, n int) (made []string) {
	t.Helper()
	for range n {
		made = append(made, w.accept(t, w.message(t, pending)))
		w.clock.set(w.clock.Now().Add(time.Second))
	}
	w.clock.set(start)
	slices.Reverse(made)
	return made
}

func TestList(t *testing.T) {
	w := open(t, echoAsync)
	for _, body := range []string{`{"id":"m1","action":"streamer.list"}`, listing("null"), listing("{}"), listing(`{"status":"","limit":0,"page":""}`)} {
		if f := w.say(t, body); !reflect.DeepEqual(f, protocol.Requests{Answer: answered, Requests: []protocol.Listed{}}) {
			t.Errorf("nothing is listed as %+v", f)
		}
	}
	made := w.several(t, 4)
	claimed(t, w, made[2])
	retrying(t, w, made[1])
	completed(t, w, made[0])
	at := func(n int) int64 { return start.Add(time.Duration(3-n) * time.Second).UnixMilli() }
	want := []protocol.Listed{
		{RequestID: made[0], Status: protocol.Completed, Attempt: 1, Percentage: 100, Message: "some", EndedAt: start.UnixMilli()},
		{RequestID: made[1], Status: protocol.Retrying, Attempt: 1, Percentage: 40, Message: "some", Code: "BUSY"},
		{RequestID: made[2], Status: protocol.Processing, Attempt: 1, Percentage: 40, Message: "some"},
		{RequestID: made[3], Status: protocol.Pending},
	}
	for n := range want {
		want[n].Action, want[n].CreatedAt = "echo_async", at(n)
	}
	if f := w.list(t, "{}"); !reflect.DeepEqual(f.Requests, want) || f.Next != "" {
		t.Errorf("listed %+v\nwant %+v", f, want)
	}
	for status, wanted := range map[string][]string{
		"open": made[1:], "ended": made[:1], "PENDING": made[3:], "PROCESSING": made[2:3], "RETRYING": made[1:2],
		"COMPLETED": made[:1], "FAILED": {}, "CANCELLED": {},
	} {
		if f := w.list(t, fmt.Sprintf(`{"status":%q}`, status)); !slices.Equal(ids(f), wanted) || f.Next != "" {
			t.Errorf("%s: listed %v, want %v", status, f, wanted)
		}
	}
	if len(w.posted.posts) != 0 {
		t.Errorf("posted %v", w.posted.posts)
	}
}

func TestListGoesByPages(t *testing.T) {
	w := open(t, echoAsync)
	made := w.several(t, 120)
	for n, id := range made {
		if n%2 == 0 {
			completed(t, w, id)
		}
	}
	flat := func(pages [][]string, most int) (all []string) {
		for _, p := range pages {
			if all = append(all, p...); len(p) > most {
				t.Errorf("%d on a page, asked for %d", len(p), most)
			}
		}
		return all
	}
	if f := w.list(t, "{}"); len(f.Requests) != protocol.DefaultList || f.Next == "" {
		t.Errorf("without a limit %d are listed, next %q", len(f.Requests), f.Next)
	}
	for limit, want := range map[int]int{1: 120, 7: 18, 40: 3, protocol.MaxList: 3} {
		if pages := w.pages(t, "", limit); len(pages) != want || !slices.Equal(flat(pages, limit), made) {
			t.Errorf("%d at a time: %d pages, want %d", limit, len(pages), want)
		}
	}
	for limit, want := range map[int]int{1: 60, 7: 9, 50: 2} {
		if pages := w.pages(t, "open", limit); len(pages) != want || len(flat(pages, limit)) != 60 {
			t.Errorf("%d open ones at a time: %d pages, want %d", limit, len(pages), want)
		}
	}
	if pages := w.pages(t, "FAILED", 10); !reflect.DeepEqual(pages, [][]string{{}, {}}) {
		t.Errorf("none, and yet: %v", pages)
	}

	// What comes and goes while someone turns pages moves nothing.
	first := w.list(t, `{"limit":10}`)
	w.clock.set(start.Add(5 * time.Minute))
	w.accept(t, w.message(t, pending))
	w.clock.set(start)
	if f := w.list(t, fmt.Sprintf(`{"limit":10,"page":%q}`, first.Next)); !slices.Equal(ids(f), made[10:20]) {
		t.Errorf("the second page is %v, want %v", ids(f), made[10:20])
	}
}

func TestListIsTheCallersOwn(t *testing.T) {
	w := open(t, echoAsync)
	w.several(t, 3)
	first := w.list(t, `{"limit":1}`)
	for _, other := range [][2]string{{"acme", "bob"}, {"globex", "ann"}, {"acm", "e#U#ann"}} {
		f, ok := w.send(t, as(w.message(t, listing("{}")), other[0], other[1], "other=")).(protocol.Requests)
		if !ok || len(f.Requests) != 0 || f.Next != "" {
			t.Errorf("%v is shown %+v", other, f)
		}
		refused := w.refused(t, as(w.message(t, listing(fmt.Sprintf(`{"page":%q}`, first.Next))), other[0], other[1], "other="), protocol.InvalidPayload)
		if refused.Details["field"] != "page" {
			t.Errorf("%v with another's page: %+v", other, refused)
		}
	}
}

func TestListLeavesOutWhatHasExpired(t *testing.T) {
	w := open(t, echoAsync)
	made := w.several(t, 3)
	completed(t, w, made[1])
	w.clock.set(start.Add(lifecycle.Retention))
	ev := w.message(t, listing("{}"))
	ev.RequestContext.Authorizer.(map[string]any)["exp"] = "4102444800"
	if f := w.send(t, ev).(protocol.Requests); !slices.Equal(ids(f), []string{made[0], made[2]}) {
		t.Errorf("listed %v of %v", ids(f), made)
	}
}

func TestListFitsAFrame(t *testing.T) {
	w := open(t, echoAsync)
	made := w.several(t, 120)
	for _, id := range made { // each byte of a message may need six
		w.update(t, id, lifecycle.Claim("carrier", "o", w.clock.Now(), 30*time.Second))
		w.update(t, id, lifecycle.Pulse(1, lifecycle.State{Message: strings.Repeat("\x01", protocol.MaxProgressMessage)}, w.clock.Now(), 30*time.Second, nil))
	}
	var seen []string
	for page := ""; ; {
		body := fmt.Sprintf(`{"id":"%s","action":"streamer.list","payload":{"limit":50,"page":%q}}`, strings.Repeat(`\u0001`, protocol.MaxID), page)
		f, ok := w.say(t, body).(protocol.Requests)
		b, err := protocol.Encode(f)
		if !ok || err != nil || len(b) > protocol.MaxMessage || len(f.Requests) == 0 {
			t.Fatalf("a page of %d requests has %d bytes, err %v", len(f.Requests), len(b), err)
		}
		if seen = append(seen, ids(f)...); f.Next != "" && len(b) < protocol.MaxMessage-2000 {
			t.Errorf("a page of %d bytes is not the last", len(b))
		}
		if page = f.Next; page == "" {
			break
		}
	}
	if !slices.Equal(seen, made) {
		t.Errorf("listed %d of %d, or in another order", len(seen), len(made))
	}
}

func TestListRefuses(t *testing.T) {
	w := open(t, echoAsync)
	w.several(t, 2)
	next := w.list(t, `{"limit":1}`).Next
	ms, rest, _ := strings.Cut(next, ".")
	id, mark, _ := strings.Cut(rest, ".")
	for payload, field := range map[string]string{
		`[]`: "", `"open"`: "", `7`: "",
		`{"user":"bob"}`:    "user",
		`{"status":"Open"}`: "status", `{"status":"completed"}`: "status", `{"status":"X"}`: "status", `{"status":7}`: "status",
		`{"limit":-1}`: "limit", `{"limit":51}`: "limit", `{"limit":1.5}`: "limit", `{"limit":"1"}`: "limit", `{"limit":1e99}`: "limit",
		`{"page":7}`: "page", `{"page":"x"}`: "page", `{"page":"."}`: "page", `{"page":".."}`: "page", `{"page":"0.` + id + `.` + mark + `"}`: "page",
		`{"page":"` + next + `."}`: "page", `{"page":" ` + next + `"}`: "page", `{"page":"0` + next + `"}`: "page", `{"page":"+` + next + `"}`: "page",
		`{"page":"` + ms + "." + id + `"}`: "page", `{"page":"` + ms + "." + id + `."}`: "page",
		`{"page":"` + ms + ".#R#" + id[3:] + "." + mark + `"}`: "page", `{"page":"` + strings.ToLower(next) + `"}`: "page",
		`{"page":"99999999999999999999.` + id + "." + mark + `"}`: "page",
	} {
		f := w.refused(t, w.message(t, listing(payload)), protocol.InvalidPayload)
		if named, _ := f.Details["field"].(string); named != field || f.Retryable || f.ID != "m1" {
			t.Errorf("%s: answered %+v, want field %q", payload, f, field)
		}
	}
	f := w.refused(t, w.message(t, `{"id":"m1","action":"streamer.list","request_id":"`+id+`"}`), protocol.BadMessage)
	if f.Details["field"] != "request_id" {
		t.Errorf("answered %+v", f)
	}
	w.requests.fail = failing("by user")
	quiet(t, w.refused(t, w.message(t, listing("{}")), protocol.Unavailable))
}
