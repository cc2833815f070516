package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/outputs"
)

// onStage is a user of the local stage with one connection, and an operator.
type onStage struct {
	*testing.T
	tenant string
	socket *websocket.Conn
}

func stage(t *testing.T) *onStage {
	t.Helper()
	if os.Getenv(outputs.Variable) == "" || os.Getenv("AWS_ENDPOINT_URL") == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs the local stage")
		}
		t.Skip("needs the local stage: STREAMER_OUTPUTS and AWS_ENDPOINT_URL are not both set")
	}
	s := &onStage{T: t, tenant: "inspect-" + strings.ToLower(rand.Text()[:8])}
	command := exec.CommandContext(t.Context(), "go", "run", "./scripts/stage", "token", "--tenant", s.tenant, "--subject", "ann")
	command.Dir = "../.."
	token, err := command.Output()
	if err != nil {
		t.Fatalf("make a token: %v", err)
	}
	if s.socket, _, err = websocket.Dial(t.Context(), os.Getenv("STREAMER_WS_URL")+"?token="+strings.TrimSpace(string(token)), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.socket.CloseNow() })
	return s
}

// config leads to the stage.
func (s *onStage) config() aws.Config {
	s.Helper()
	cfg, err := config.LoadDefaultConfig(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return cfg
}

// stack is the stage's, with its outputs.
func (s *onStage) stack() outputs.Stack {
	s.Helper()
	stack, err := outputs.Read(os.Getenv(outputs.Variable))
	if err != nil {
		s.Fatal(err)
	}
	return stack
}

// heard is as much of a frame as is looked at here.
type heard struct {
	Type      string
	RequestID string `json:"request_id"`
	Message   string
}

// until reads frames up to one of a type.
func (s *onStage) until(wanted string) heard {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	for {
		var f heard
		if err := wsjson.Read(ctx, s.socket, &f); err != nil {
			s.Fatalf("no frame %s: %v", wanted, err)
		}
		if f.Type == wanted {
			return f
		}
	}
}

// submit sends a request, and returns its id once it is accepted.
func (s *onStage) submit(action, payload string) (id string) {
	s.Helper()
	if err := s.socket.Write(s.Context(), websocket.MessageText, fmt.Appendf(nil, `{"action":%q,"payload":%s}`, action, payload)); err != nil {
		s.Fatal(err)
	}
	return s.until("accepted").RequestID
}

// inspect runs a command line where nobody can be asked.
func (s *onStage) inspect(args ...string) (status int, out, said string) {
	s.Helper()
	var o, e bytes.Buffer
	status = run(context.WithoutCancel(s.Context()), args, os.Getenv(outputs.Variable), terminal{strings.NewReader(""), &o, &e, false})
	return status, o.String(), e.String()
}

func (s *onStage) must(args ...string) string {
	s.Helper()
	status, out, said := s.inspect(args...)
	if status != 0 {
		s.Fatalf("inspect %s: status %d: %s\n%s", strings.Join(args, " "), status, said, out)
	}
	return out
}

// answer decodes what a command says as JSON.
func (s *onStage) answer(to any, args ...string) {
	s.Helper()
	out := s.must(append(args, "--json")...)
	all := struct {
		Stage  where
		Answer any
	}{Answer: to}
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		s.Fatalf("%v: %s", err, out)
	}
	if all.Stage.Stack != "Streamer-local" || all.Stage.Account != "000000000000" || all.Stage.Region == "" || all.Stage.Emulator == "" {
		s.Errorf("inspect %s says of the stage %+v", strings.Join(args, " "), all.Stage)
	}
}

// What is another at each run, and what stands for it. Words keep their width, so that
// columns stay where they are.
var varying = []struct {
	what *regexp.Regexp
	mark string
}{
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "FRONT"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`), "UUID"},
	{regexp.MustCompile(`Root=1-\S+`), "TRACE"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \((in )?[0-9a-z]+( ago)?\)`), "MOMENT"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d, UTC`), "DAY"},
	{regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{3}`), "HH:MM:SS.mmm"},
	{regexp.MustCompile(`\d[0-9.]* m?s after that`), "SOON after that"},
	{regexp.MustCompile(`ms=\d+`), "ms=N"},
	{regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`), "REQUEST-REQUEST-REQUEST-26"},
	{regexp.MustCompile(`\b[0-9a-f]{16}\b`), "CONNECTION-16-16"},
	{regexp.MustCompile(`inspect-[a-z2-7]{8}`), "inspect-ABCDEFGH"},
}

// folded is where a line goes on below, which is sooner if its figures have more digits.
var folded = regexp.MustCompile(`\n {20,}`)

// shown fails the test unless a text is this one, but for what varies, and fits a terminal.
func (s *onStage) shown(got, want string) {
	s.Helper()
	for line := range strings.Lines(got) {
		if len([]rune(line)) > width+1 && !strings.Contains(line, "Root=1-") { // a trace is one word
			s.Errorf("wider than a terminal: %s", line)
		}
	}
	for _, v := range varying {
		got = v.what.ReplaceAllString(got, v.mark)
	}
	want = "Streamer-local, the local stage at FRONT\n\n" + want
	if folded.ReplaceAllString(got, " ") != folded.ReplaceAllString(want, " ") {
		s.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

const secret = "who reads this"

func TestARequestIsShown(t *testing.T) {
	s := stage(t)
	id := s.submit("echo_async", `{"message":"`+secret+`","duration_ms":200,"steps":2}`)
	s.until("complete")
	s.settled(id, "message done")

	s.shown(s.must("request", id), `request REQUEST-REQUEST-REQUEST-26, echo_async of inspect-ABCDEFGH/ann
  status      COMPLETED
  tries       1 of 3
  accepted    MOMENT
  started     SOON after that
  ended       SOON after that
  deadline    MOMENT
  kept until  MOMENT
  payload     56 bytes, in the row
  result      28 bytes, in the row
  watchers    1: CONNECTION-16-16
  message     UUID
  trace       TRACE

history
DAY
HH:MM:SS.mmm  (row)       accepted
HH:MM:SS.mmm  router      audit verb=submit outcome=accepted subject=ann
                          connection=CONNECTION-16-16 address=127.0.0.1
HH:MM:SS.mmm  router      message answered frame=accepted ms=N
                          connection=CONNECTION-16-16
HH:MM:SS.mmm  dispatcher  dispatched records=1
HH:MM:SS.mmm  (row)       first try begins
HH:MM:SS.mmm  (row)       ended: COMPLETED
HH:MM:SS.mmm  processor   request ended status=COMPLETED attempt=1 ms=N
HH:MM:SS.mmm  processor   audit verb=deliver outcome=accepted subject=ann
                          attempt=1
HH:MM:SS.mmm  processor   message done
                          message=UUID
                          kept=false
`)
	s.shown(s.must("logs", strings.ToLower(id)), `DAY
HH:MM:SS.mmm  router      audit verb=submit outcome=accepted subject=ann
                          connection=CONNECTION-16-16 address=127.0.0.1
                          action=echo_async
HH:MM:SS.mmm  router      message answered action=echo_async frame=accepted ms=N
                          connection=CONNECTION-16-16
HH:MM:SS.mmm  dispatcher  dispatched records=1
HH:MM:SS.mmm  processor   request ended action=echo_async status=COMPLETED
                          attempt=1 ms=N
HH:MM:SS.mmm  processor   audit verb=deliver outcome=accepted subject=ann
                          action=echo_async attempt=1
HH:MM:SS.mmm  processor   message done
                          message=UUID
                          kept=false
`)

	var d requestDetail
	s.answer(&d, "request", id, "-tenant", s.tenant)
	if d.ID != id || d.Status != "COMPLETED" || d.Attempt != 1 || d.Payload.Place != "row" || d.Payload.Size != 56 || d.Payload.Content != nil ||
		d.EndedAt.Sub(d.AcceptedAt) < 200*time.Millisecond || len(d.Watchers) != 1 || len(d.History) != 9 {
		d.History = nil
		t.Errorf("got %+v", d)
	}
	if out := s.must("request", id, "--json") + s.must("logs", id, "-all"); strings.Contains(out, secret) {
		t.Errorf("the payload is shown unasked: %s", out)
	}
	if out := s.must("request", id, "-payload"); !strings.Contains(out, `
payload
  {
    "message": "who reads this",
    "duration_ms": 200,
    "steps": 2
  }

result
  {
    "message": "who reads this"
  }
`) {
		t.Errorf("got %s", out)
	}

	// Wherever the payload is.
	for _, c := range []struct {
		place string
		bytes int
	}{{"item", 3_000}, {"object", 25_000}} {
		message := strings.Repeat("x", c.bytes)
		large := s.submit("echo_async", `{"message":"`+message+`","duration_ms":1,"steps":1}`)
		s.until("complete")
		var d requestDetail
		s.answer(&d, "request", large, "-tenant", s.tenant, "-payload")
		var whole bytes.Buffer
		if err := json.Compact(&whole, d.Payload.Content); err != nil {
			t.Error(err)
		}
		if d.Payload.Place != c.place || d.Payload.Size != int64(whole.Len()) || !bytes.Contains(d.Payload.Content, []byte(message)) || !bytes.Contains(d.Result.Content, []byte(message)) {
			t.Errorf("%s: %.200s", c.place, fmt.Sprintf("%+v", d))
		}
	}

	for _, args := range [][]string{{"request", "01JGH000000000000000000001"}, {"request", id, "-tenant", "other"}, {"logs", "01JGH000000000000000000001"}} {
		if status, out, said := s.inspect(args...); status != exitFailed || out != "" || !strings.Contains(said, "-since") {
			t.Errorf("%v: status %d, %s%s", args, status, out, said)
		}
	}
}

// settled waits until the functions have said the last of a request.
func (s *onStage) settled(id, last string) {
	s.Helper()
	for range 100 {
		if _, out, _ := s.inspect("logs", id); strings.Contains(out, last) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.Fatalf("the log never says %q of %s", last, id)
}

func TestListsAreShown(t *testing.T) {
	s := stage(t)
	quick := s.submit("echo_async", `{"message":"a","duration_ms":1,"steps":1}`)
	s.until("complete")
	runs := s.submit("echo_async", `{"message":"b","duration_ms":60000,"steps":600}`)
	s.until("progress")
	s.settled(runs, "dispatched")

	const (
		head = "REQUEST                     STATUS      TRY  AGE  ACTION      OF                    NOTE\n"
		open = "REQUEST-REQUEST-REQUEST-26  PROCESSING  1/3  Ns   echo_async  inspect-ABCDEFGH/ann\n"
	)
	seconds := regexp.MustCompile(`  \d+s  `)
	list := func(args ...string) string {
		t.Helper()
		return seconds.ReplaceAllString(s.must(append([]string{"requests", "-tenant", s.tenant}, args...)...), "  Ns  ")
	}
	for args, want := range map[string]string{
		"-open":             "open requests of inspect-ABCDEFGH: 1\n" + head + open,
		"-user ann":         "requests of inspect-ABCDEFGH/ann: 2\n" + head + open + "REQUEST-REQUEST-REQUEST-26  COMPLETED   1/3  Ns   echo_async  inspect-ABCDEFGH/ann\n",
		"-user ann -open":   "open requests of inspect-ABCDEFGH/ann: 1\n" + head + open,
		"-user bob":         "requests of inspect-ABCDEFGH/bob: 0\n",
		"-action other":     "requests of inspect-ABCDEFGH, the last 24h: 0\n",
		"-older-than 2h":    "requests of inspect-ABCDEFGH, the last 24h: 0\n",
		"-status retrying":  "requests of inspect-ABCDEFGH, the last 24h: 0\n",
		"-status completed": "requests of inspect-ABCDEFGH, the last 24h: 1\n" + strings.Replace(head, "STATUS      ", "STATUS     ", 1) + "REQUEST-REQUEST-REQUEST-26  COMPLETED  1    Ns   echo_async  inspect-ABCDEFGH/ann\n",
	} {
		got := list(strings.Fields(args)...)
		for _, v := range varying {
			got = v.what.ReplaceAllString(got, v.mark)
		}
		if _, got, _ = strings.Cut(got, "\n\n"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", args, got, want)
		}
	}
	if out := list("-limit", "1"); !strings.Contains(out, runs) || strings.Contains(out, quick) || !strings.Contains(out, "There are more: -limit shows them.") {
		t.Errorf("got %s", out)
	}
	var all []listed
	s.answer(&all, "requests")
	if i := slices.IndexFunc(all, func(l listed) bool { return l.ID == runs }); i < 0 || all[i].Tenant != s.tenant || all[i].DueAt.IsZero() {
		t.Errorf("open are %+v", all)
	}
	var queues []queueDepth
	s.answer(&queues, "queues")
	if i := slices.IndexFunc(queues, func(q queueDepth) bool { return q.Name == workName }); i != 0 || queues[0].InWork < 1 || queues[0].Open < 1 {
		t.Errorf("queues are %+v", queues)
	}
	names := ""
	for _, q := range queues {
		names += q.Name + " "
	}
	if names != "work reports dead letters undispatched " {
		t.Errorf("the queues are %s", names)
	}
	// An open request is found without its tenant, and without a word in the logs.
	var d requestDetail
	if s.answer(&d, "request", runs, "-since", "1ns"); d.Tenant != s.tenant || d.Status != "PROCESSING" || d.LeaseUntil.IsZero() {
		t.Errorf("got %+v", d)
	}
	if err := s.socket.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"action":"streamer.cancel","payload":{"request_id":%q}}`, runs)); err != nil {
		t.Fatal(err)
	}
	s.until("cancelled")
	if out := s.must("request", runs); !strings.Contains(out, "CANCELLED") || !strings.Contains(out, "its owner asks it to stop") {
		t.Errorf("got %s", out)
	}
}

func TestAConnectionIsShownToldAndClosed(t *testing.T) {
	s := stage(t)
	runs := s.submit("echo_async", `{"message":"a","duration_ms":60000,"steps":600}`)
	s.until("progress")
	var links []link
	s.answer(&links, "connections", "-tenant", s.tenant, "-user", "ann")
	if len(links) != 1 {
		t.Fatalf("connections are %+v", links)
	}
	id := links[0].ID
	s.shown(s.must("connection", id), `connection CONNECTION-16-16 of inspect-ABCDEFGH/ann
  state       API Gateway has it
  connected   MOMENT
  token ends  MOMENT
  expires     MOMENT

watches: 1
REQUEST                     STATUS      ACTION
REQUEST-REQUEST-REQUEST-26  PROCESSING  echo_async
`)
	if out := s.must("connections", "-tenant", s.tenant); !strings.Contains(out, "connections: 1\n") || !strings.Contains(out, id) {
		t.Errorf("got %s", out)
	}

	if status, out, said := s.inspect("post", id); status != exitRefused || !strings.Contains(out, "an operator's test message") || !strings.Contains(said, "-yes says yes") {
		t.Errorf("status %d: %s%s", status, out, said)
	}
	if status, out, said := s.inspect("disconnect", "-tenant", s.tenant, "-user", "ann"); status != exitRefused || !strings.Contains(out, id) || !strings.Contains(said, "-yes says yes") {
		t.Errorf("status %d: %s%s", status, out, said)
	}
	s.must("post", id, "-yes")
	if f := s.until("test"); f.Message != "an operator's test message" {
		t.Errorf("the client got %+v", f)
	}
	s.must("post", id, `{"type":"mine"}`, "-yes", "--json")
	s.until("mine")

	var done []closed
	s.answer(&done, "disconnect", "-tenant", s.tenant, "-user", "ann", "-yes")
	if len(done) != 1 || done[0] != (closed{id, "closed"}) {
		t.Errorf("closed are %+v", done)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var err error
	for err == nil {
		_, _, err = s.socket.Read(ctx)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Error("the connection stays open")
	}
	gone := false
	for range 100 {
		if _, out, _ := s.inspect("connections", "-tenant", s.tenant, "-user", "ann"); strings.Contains(out, "connections: 0") {
			gone = true
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if !gone {
		t.Error("the connection is still listed")
	}
	for _, args := range [][]string{{"connection", id}, {"post", id, "-yes"}, {"disconnect", id, "-yes"}} {
		if status, _, said := s.inspect(args...); status != exitFailed || !strings.Contains(said, "there is no") {
			t.Errorf("%v: status %d, %s", args, status, said)
		}
	}
	if out := s.must("disconnect", "-tenant", s.tenant, "-user", "ann"); !strings.Contains(out, "has no connection") {
		t.Errorf("got %s", out)
	}
	if out := s.must("request", runs, "-tenant", s.tenant); !strings.Contains(out, "PROCESSING") {
		t.Errorf("its request does not go on: %s", out)
	}
}

func TestAFunctionIsFollowed(t *testing.T) {
	s := stage(t)
	id := s.submit("echo_async", `{"message":"a","duration_ms":1,"steps":1}`)
	s.settled(id, "message done")
	out := s.must("follow", "processor", "-since", "1m", "-once")
	of := func(text string) bool { return regexp.MustCompile(`(?m)^\S+  ` + text).MatchString(out) }
	if !of("processor  request ended request="+id) || of("processor  (START|REPORT|{)") || of("router") {
		t.Errorf("got %s", out)
	}
	if out := s.must("follow", "processor", "-since", "1m", "-once", "-all"); !strings.Contains(out, "REPORT") || !strings.Contains(out, "trace=") {
		t.Errorf("got %s", out)
	}
	out = s.must("follow", "-since", "1m", "-once", "--json")
	lines, router := strings.Split(strings.TrimSpace(out), "\n"), false
	for i, line := range lines {
		var e struct {
			Stage    where
			Function string
			Line     any
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || i == 0 && e.Stage.Stack == "" || i > 0 && (e.Function == "" || e.Line == nil) {
			t.Fatalf("%v: %s", err, line)
		}
		router = router || e.Function == "router" && strings.Contains(line, id)
	}
	if !router {
		t.Errorf("the router said nothing of %s in %d lines", id, len(lines))
	}
	if status, _, said := s.inspect("queues", "-stack", "Nowhere"); status != exitFailed || !strings.Contains(said, "there is no stack Nowhere in account 000000000000") {
		t.Errorf("status %d, %s", status, said)
	}
	if file, named := s.must("requests", "-tenant", "nobody"), s.must("requests", "-tenant", "nobody", "-stack", "Streamer-local"); file != named {
		t.Errorf("by its outputs %s\nby its name %s", file, named)
	}
	if status, _, said := s.inspect("follow", "nobody"); status != exitUsage || !strings.Contains(said, "choose of authorizer, dispatcher, processor, reconciler, reports, router") {
		t.Errorf("status %d, %s", status, said)
	}
}

// doctor finds what is wrong, says what to do, and ends so that a program notices.
func TestDoctor(t *testing.T) {
	s := stage(t)
	cfg, stack := s.config(), s.stack()
	queues, dead := sqs.NewFromConfig(cfg), aws.String(stack.Values[contract.OutputDeadLetterURL])
	sent, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: dead, MessageBody: aws.String("nobody can read this")})
	if err != nil {
		t.Fatal(err)
	}
	letter := aws.ToString(sent.MessageId)
	t.Cleanup(func() {
		if out := s.must("resend", "-id", letter, "-discard", "-yes"); !strings.Contains(out, "discarded") {
			t.Errorf("the dead letter stays: %s", out)
		}
	})
	status, out, _ := s.inspect("doctor")
	if status != exitUnwell {
		t.Errorf("status %d", status)
	}
	for line := range strings.Lines(out) {
		if len([]rune(line)) > width+1 && !strings.Contains(line, "https://") && !strings.Contains(line, "arn:aws:") { // names are not broken
			t.Errorf("wider than a terminal: %s", line)
		}
	}
	if !regexp.MustCompile(`(?m)^  BAD   queues       \d+ dead letters?\n +→ inspect dead-letters; then RUNBOOK.md#dead-letters$`).MatchString(out) {
		t.Errorf("the dead letter is not named:\n%s", out)
	}

	status, out, _ = s.inspect("doctor", "--json")
	var all struct{ Answer []finding }
	if err := json.Unmarshal([]byte(out), &all); err != nil || status != exitUnwell {
		t.Fatalf("status %d, %v: %s", status, err, out)
	}
	found := map[string]bool{}
	for _, f := range all.Answer {
		found[f.Check] = true
		if f.State == unknown || f.Says == "" || f.State == bad && f.Do == "" {
			t.Errorf("%+v", f)
		}
	}
	for _, c := range checks {
		if !found[c.name] {
			t.Errorf("%s is not looked at", c.name)
		}
	}
}
