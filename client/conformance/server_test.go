package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// A driver in another language cannot tell a misspelt case from one that it passes.
func TestCasesAreWhole(t *testing.T) {
	all, err := Cases()
	if err != nil {
		t.Fatal(err)
	}
	known := []StepKind{
		DoProgress, DoRetrying, DoComplete, DoFail, DoCancelled, DoAgain, DoHold, DoRelease, DoRaw, DoClose,
		DoRefuse, DoDeaf, DoWatched, DoOpened, DoConnections, DoCancelling, DoAnswer, DoWait, DoRepeat,
	}
	seen := map[string]bool{}
	for _, c := range all {
		if !regexp.MustCompile(`^[a-z0-9_]+$`).MatchString(c.Name) || seen[c.Name] || c.About == "" {
			t.Errorf("case %q: not one word that no other has, and what it is about", c.Name)
		}
		seen[c.Name] = true
		for _, s := range flat(c.Steps) {
			if !slices.Contains(known, s.Do) {
				t.Errorf("case %s: no step does %q", c.Name, s.Do)
			}
		}
		if !slices.ContainsFunc(groups, func(g struct {
			name  Group
			about string
		}) bool {
			return g.name == c.Group
		}) {
			t.Errorf("case %s: there is no group %q", c.Name, c.Group)
		}
		spoils := []Fate{Lost, CutBefore, Gateway, Throttled}
		checkFates(t, c.Name, c.Submits, append(spoils, Unanswered, CutAfter, Late, Twice, TooBig))
		for action, fates := range c.Asks {
			if !slices.Contains([]string{"subscribe", "cancel", "upload"}, action) {
				t.Errorf("case %s: no client asks for %q", c.Name, action)
			}
			checkFates(t, c.Name, fates, spoils)
		}
		for message, act := range c.Client {
			if !slices.Contains([]ClientAct{ActCancel, ActSleep, ActReload}, act) {
				t.Errorf("case %s: no client does %q", c.Name, act)
			}
			if !slices.ContainsFunc(flat(c.Steps), func(s Step) bool { return s.Do == DoProgress && s.Message == message }) {
				t.Errorf("case %s: the message %q never comes", c.Name, message)
			}
		}
		var numbers map[string]int
		if text, err := json.Marshal(Report{}); err != nil || json.Unmarshal(text, &numbers) != nil {
			t.Fatal(err)
		}
		for name, within := range c.Expect.Report {
			if _, ok := numbers[name]; !ok || within[0] > within[1] {
				t.Errorf("case %s: the report cannot have %q within %v", c.Name, name, within)
			}
		}
	}
	if len(all) < 40 {
		t.Errorf("only %d cases", len(all))
	}
}

func checkFates(t *testing.T, name string, fates, known []Fate) {
	t.Helper()
	for _, f := range fates {
		if !slices.Contains(known, f) && strings.ToUpper(string(f)) != string(f) {
			t.Errorf("case %s: nothing becomes of a message that is %q", name, f)
		}
	}
}

func flat(steps []Step) (all []Step) {
	for _, s := range steps {
		all = append(append(all, s), flat(s.Steps)...)
	}
	return all
}

// player is a client that does what it is told.
type player struct {
	t    *testing.T
	conn *websocket.Conn
}

func join(t *testing.T, address string) player {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), address, &websocket.DialOptions{Subprotocols: []string{protocol.Subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return player{t, conn}
}

func (p player) send(m protocol.Message) {
	p.t.Helper()
	text, err := json.Marshal(m)
	if err == nil {
		err = p.conn.Write(p.t.Context(), websocket.MessageText, text)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p player) next() (protocol.Frame, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	_, text, err := p.conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	return protocol.DecodeFrame(text)
}

// want reads frames of these types, in this order.
func (p player) want(types ...protocol.Type) (last protocol.Frame) {
	p.t.Helper()
	for _, want := range types {
		f, err := p.next()
		if err != nil || f.Type() != want {
			p.t.Fatalf("got %+v, %v, want %s", f, err, want)
		}
		last = f
	}
	return last
}

func TestServerPlaysACase(t *testing.T) {
	s, err := NewServer()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	place := server.URL + "/run/closed_1001/once"

	p := join(t, place)
	p.send(protocol.Message{Action: "work", ID: "m1", IdempotencyKey: "k"})
	accepted := p.want(protocol.TypeAccepted).(protocol.Accepted)
	if first := p.want(protocol.TypeProgress).(protocol.Progress); accepted.ID != "m1" || first.Ref != "m1" || first.Seq != fenceStep+1 {
		t.Errorf("got %+v and %+v", accepted, first)
	}
	if _, err := p.next(); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the connection ended with %v, want 1001", err)
	}

	p = join(t, place)
	p.send(protocol.Message{Action: protocol.ActionSubscribe, ID: "m2", RequestID: accepted.RequestID})
	p.want(protocol.TypeSubscribed, protocol.TypeProgress, protocol.TypeComplete)
	p.send(protocol.Message{Action: "work", ID: "m3", IdempotencyKey: "k"})
	if again := p.want(protocol.TypeAccepted).(protocol.Accepted); !again.Duplicate {
		t.Errorf("got %+v", again)
	}
	p.want(protocol.TypeComplete)

	resp, err := http.Get(place + "/report")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var report Report
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil || json.Unmarshal(body.Bytes(), &report) != nil {
		t.Fatal(err, body.String())
	}
	if want := (Report{Handshakes: 2, Submits: 2, Created: 1, Subscribes: 1, Largest: report.Largest}); report != want || report.Largest == 0 {
		t.Errorf("got %s, want %+v", fmt.Sprint(report), want)
	}
}
