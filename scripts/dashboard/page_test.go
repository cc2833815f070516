package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/place"
)

const library = "../../node_modules/uplot/dist"

// localStage is the one that the tests look at.
func localStage(t *testing.T) place.Stage {
	t.Helper()
	file := os.Getenv(outputs.Variable)
	if file == "" || os.Getenv("AWS_ENDPOINT_URL") == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs the local stage")
		}
		t.Skip("needs the local stage: STREAMER_OUTPUTS and AWS_ENDPOINT_URL are not both set")
	}
	at, err := place.FindStage(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// open serves the page of the local stage.
func open(t *testing.T) (address string) {
	t.Helper()
	p, err := newPage(localStage(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	at, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- p.serve(ctx, 0, library, func(address string) { at <- address })
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	select {
	case address = <-at:
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return address
}

// dial connects a user.
func dial(t *testing.T) *client.Client {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "run", "./scripts/stage", "token", "--tenant", "dashboard", "--subject", "ann")
	command.Dir = "../.."
	token, err := command.Output()
	if err != nil {
		t.Fatalf("make a token: %v", err)
	}
	c, err := client.Dial(t.Context(), os.Getenv("STREAMER_WS_URL"), &client.Options{Token: client.StaticToken(strings.TrimSpace(string(token)))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// use has some requests made, of each kind and with each end.
func use(t *testing.T) {
	t.Helper()
	c := dial(t)
	for range 3 {
		run, err := client.Submit(t.Context(), c, handlers.EchoAsync, handlers.EchoAsyncIn{Message: "x", DurationMS: new(500), Steps: new(3)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run.Result(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// read asks for a dashboard's widgets.
func read(t *testing.T, address, query string) (all []shown) {
	t.Helper()
	resp, err := http.Get(address + "/data?" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Error   string
		Widgets []shown
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", resp.Status, answer.Error, err)
	}
	return answer.Widgets
}

// shows counts the points of a graph.
func (w shown) shows() (points int) {
	for _, l := range w.Lines {
		for _, v := range l.Values {
			if v != nil {
				points++
			}
		}
	}
	return points
}

// TestPageShowsTheStage looks at the page in a browser, after some use of the stage.
func TestPageShowsTheStage(t *testing.T) {
	address := open(t)
	use(t)
	time.Sleep(2 * settled) // until the log may be read

	byTitle := map[string]shown{}
	var detail string
	for _, name := range dashboards(t, address) {
		for _, w := range read(t, address, "minutes=60&dashboard="+name) {
			byTitle[w.Title] = w
		}
		detail = name
	}
	accepted := byTitle["Requests accepted, answered and ended"]
	total := 0.0
	for _, v := range accepted.Lines[0].Values {
		if v != nil {
			total += *v
		}
	}
	if accepted.Lines[0].Label != "accepted" || total < 3 {
		t.Errorf("accepted: %v in %+v", total, accepted)
	}
	if alarms := byTitle["Is anything wrong?"].Alarms; len(alarms) < 3 || alarms[0].Name == "" {
		t.Errorf("alarms %+v", alarms)
	}
	actions := map[string]bool{}
	for _, l := range byTitle["Requests by action"].Lines {
		actions[l.Label] = true
	}
	if !actions["echo_async"] {
		t.Errorf("requests by action: %v", actions)
	}
	// Refilling again counts nothing twice.
	again := 0.0
	for _, w := range read(t, address, "minutes=60") {
		if w.Title == accepted.Title {
			for _, v := range w.Lines[0].Values {
				if v != nil {
					again += *v
				}
			}
		}
	}
	if again < total || again > total+1000 {
		t.Errorf("accepted %v, then %v", total, again)
	}

	for _, graph := range []string{
		"Requests accepted, answered and ended", "How long requests take, accepted to ended", "How long requests wait for their first attempt",
		"Connections", "Requests by action", "Accepted to first progress", "How long a run of a handler takes",
		"Progress posted, and what newer took the place of", "Frames posted, and what became of the others",
		"router: runs", "router: duration", "processor: runs", "dispatcher: runs", "authorizer: duration", "work: messages", "dead letters: messages",
	} {
		if w, has := byTitle[graph]; !has || w.shows() == 0 {
			t.Errorf("%q shows nothing: %+v", graph, w)
		}
	}

	for page, graph := range map[string]string{"": "Requests accepted, answered and ended", "dashboard=" + detail: "router: duration"} {
		dom := dom(t, address+"/?refresh=0&minutes=60&"+page)
		found := regexp.MustCompile(`data-points="(\d+)"[^>]*><h3>` + regexp.QuoteMeta(graph) + `</h3><div class="uplot`).FindStringSubmatch(dom)
		if found == nil {
			t.Fatalf("%q is not drawn on %s: %.3000s", graph, page, dom)
		}
		if points, err := strconv.Atoi(found[1]); err != nil || points == 0 {
			t.Errorf("%q has %s points", graph, found[1])
		}
		if strings.Contains(dom, `class="failed"`) || !strings.Contains(dom, `data-drawn="`) {
			t.Errorf("the page was not refreshed: %.2000s", dom)
		}
	}
}

func dashboards(t *testing.T, address string) (names []string) {
	t.Helper()
	resp, err := http.Get(address + "/data?minutes=15")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Dashboards []string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || len(answer.Dashboards) != 2 {
		t.Fatalf("dashboards %v, %v", answer.Dashboards, err)
	}
	return answer.Dashboards
}

// dom is a page as the browser has it once it is drawn.
func dom(t *testing.T, address string) string {
	t.Helper()
	out, err := browse(t.Context(), address, "--window-size=1500,1400", "--dump-dom")
	switch {
	case errors.Is(err, errNoBrowser) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	return string(out)
}

func TestPageIsForThisMachineAlone(t *testing.T) {
	address := open(t)
	for host, want := range map[string]int{"": 200, "evil.example:80": 403, "127.0.0.1": 403} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("host %q: %s", host, resp.Status)
		}
	}
}
