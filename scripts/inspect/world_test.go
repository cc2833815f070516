package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/place"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/store"
)

var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func key(n int) lifecycle.Key {
	return lifecycle.Key{Tenant: "acme", ID: fmt.Sprintf("01JGH%021d", n)}
}

// world is a stage with a table in memory and two queues behind a server.
type world struct {
	session
	t     *testing.T
	table *store.Memory
	now   time.Time
	// dead are the messages in the dead-letter queue; steps what was done to the queues.
	dead  []*message
	steps []string
	// answer is what the operator says to a question; empty if nobody is there.
	answer string
	// fail makes calls fail, by the operation and the dead letter's or request's id.
	fail map[string]bool
}

type message struct {
	id, body string
	sent     time.Time
	received int
	hidden   bool
}

func begin(t *testing.T) *world {
	w := &world{t: t, table: store.NewMemory(), now: start, fail: map[string]bool{}}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	client := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		Retryer: aws.NopRetryer{}, DisableMessageChecksumValidation: true,
	})
	w.session = session{
		Stage:    place.Stage{Stack: outputs.Stack{Name: "S"}, Place: place.Place{Account: "123456789012", Config: aws.Config{Region: "eu-west-1"}}},
		requests: w.table, hints: w, queues: client, dead: server.URL + "/1/dead",
	}
	return w
}

// Send implements sender: it is the work queue.
func (w *world) Send(ctx context.Context, hints []queue.Hint) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, h := range hints {
		if w.fail["send "+h.Key.ID] {
			return fmt.Errorf("send hints: %s refused", h.Key.ID)
		}
	}
	for _, h := range hints {
		w.steps = append(w.steps, "send "+h.Key.ID)
	}
	return nil
}

// ServeHTTP is as much of SQS as the dead-letter queue needs. A message's handle is its id.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	var in struct {
		QueueUrl, ReceiptHandle                string
		MaxNumberOfMessages, VisibilityTimeout int
		Entries                                []struct{ Id, ReceiptHandle string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.t.Error(err)
	}
	if !strings.HasSuffix(in.QueueUrl, "/1/dead") {
		w.t.Errorf("%s of %s", operation, in.QueueUrl)
	}
	rw.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if w.fail[operation+" "+in.ReceiptHandle] {
		rw.WriteHeader(400)
		io.WriteString(rw, `{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid","message":"not that handle"}`)
		return
	}
	switch operation {
	case "GetQueueAttributes":
		n := len(slices.DeleteFunc(slices.Clone(w.dead), func(m *message) bool { return !m.hidden }))
		fmt.Fprintf(rw, `{"Attributes":{"ApproximateNumberOfMessagesNotVisible":"%d"}}`, n)
	case "ReceiveMessage":
		if in.VisibilityTimeout != 120 {
			w.t.Errorf("messages are hidden for %d s", in.VisibilityTimeout)
		}
		var out []map[string]any
		for _, m := range w.dead {
			if m.hidden || len(out) == in.MaxNumberOfMessages {
				continue
			}
			m.hidden = true
			m.received++
			out = append(out, map[string]any{"MessageId": m.id, "ReceiptHandle": m.id, "Body": m.body, "Attributes": map[string]string{
				"SentTimestamp": fmt.Sprint(m.sent.UnixMilli()), "ApproximateReceiveCount": fmt.Sprint(m.received),
			}})
		}
		if err := json.NewEncoder(rw).Encode(map[string]any{"Messages": out}); err != nil {
			w.t.Error(err)
		}
	case "DeleteMessage":
		w.dead = slices.DeleteFunc(w.dead, func(m *message) bool { return m.id == in.ReceiptHandle })
		w.steps = append(w.steps, "delete "+in.ReceiptHandle)
		io.WriteString(rw, "{}")
	case "ChangeMessageVisibilityBatch":
		for _, e := range in.Entries {
			for _, m := range w.dead {
				if m.id == e.ReceiptHandle {
					m.hidden = false
				}
			}
		}
		io.WriteString(rw, `{"Successful":[],"Failed":[]}`)
	default:
		w.t.Errorf("unexpected %s", operation)
	}
}

// accept puts a request in that was accepted some time ago.
func (w *world) accept(n int, ago time.Duration) lifecycle.Key {
	w.t.Helper()
	at := w.now.Add(-ago)
	row := lifecycle.Accept(lifecycle.Submission{
		Key: key(n), User: "ann", Action: "echo_async", MaxAttempts: 3, Deadline: 240 * time.Hour, Connection: "c", Message: "m",
	}, at)
	if err := w.table.Create(w.t.Context(), row, at); err != nil {
		w.t.Fatal(err)
	}
	return key(n)
}

func (w *world) update(k lifecycle.Key, u lifecycle.Update) {
	w.t.Helper()
	if _, err := w.table.Update(w.t.Context(), k, u); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) row(k lifecycle.Key) lifecycle.Row {
	w.t.Helper()
	row, _, err := w.table.Get(w.t.Context(), k)
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

// bury puts a request's hint into the dead-letter queue.
func (w *world) bury(id string, k lifecycle.Key, ago time.Duration) {
	w.t.Helper()
	body, err := queue.Encode(k)
	if err != nil {
		w.t.Fatal(err)
	}
	w.buryText(id, body, ago)
}

func (w *world) buryText(id, body string, ago time.Duration) {
	w.dead = append(w.dead, &message{id: id, body: body, sent: w.now.Add(-ago), received: 50})
}

// run carries out a command line and returns what it printed. Whatever it leaves in the
// dead-letter queue must be visible again.
func (w *world) run(args ...string) (string, error) {
	w.t.Helper()
	var out strings.Builder
	c, err := parse(args, &out)
	if err != nil {
		w.t.Fatal(err)
	}
	w.steps = nil
	s := w.session
	s.now, s.json, s.yes = w.now, c.json, c.yes
	s.terminal = terminal{strings.NewReader(w.answer), &out, &out, w.answer != ""}
	err = c.task(w.t.Context(), &s, c.args)
	for _, m := range w.dead {
		if m.hidden {
			w.t.Errorf("%s %v leaves dead letter %s hidden", args[0], args[1:], m.id)
		}
	}
	return out.String(), err
}

func (w *world) must(args ...string) string {
	w.t.Helper()
	out, err := w.run(args...)
	if err != nil {
		w.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// did fails the test unless exactly these steps were taken, in this order.
func (w *world) did(what string, want ...string) {
	w.t.Helper()
	if !slices.Equal(w.steps, want) {
		w.t.Errorf("%s: steps\n\t%s\nwant\n\t%s", what, strings.Join(w.steps, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func (w *world) left() []string {
	var ids []string
	for _, m := range w.dead {
		ids = append(ids, m.id)
	}
	return ids
}
