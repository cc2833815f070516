package router_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/router"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric/metrictest"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// start is the moment of the golden events.
var start = time.UnixMilli(1_768_857_208_012)

const connectionID = "e_4sOfGfIAMCJ7w="

// watch is a clock that only tests move, and waiting.
type watch struct {
	mu sync.Mutex
	at time.Time
}

func (w *watch) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *watch) set(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = at
}

// After passes the time at once.
func (w *watch) After(d time.Duration) (<-chan time.Time, func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
	c := make(chan time.Time, 1)
	c <- w.at
	return c, func() {}
}

// connections is the table of connections.
type connections struct {
	mu   sync.Mutex
	rows map[string]store.Connection
	gets int
	err  error
}

func (c *connections) Put(_ context.Context, row store.Connection) error {
	if c.err == nil {
		c.rows[row.ID] = row
	}
	return c.err
}

func (c *connections) Get(_ context.Context, id string) (store.Connection, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gets++
	row, ok := c.rows[id]
	return row, ok, c.err
}

func (c *connections) Delete(_ context.Context, id string) error {
	if c.err == nil {
		delete(c.rows, id)
	}
	return c.err
}

// poster keeps what is posted; answer, if set, says what becomes of it.
type poster struct {
	mu     sync.Mutex
	posts  []post
	answer func(connection string) error
}

type post struct {
	connection string
	frame      protocol.Frame
}

func (p *poster) Send(_ context.Context, connection string, f protocol.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answer != nil {
		if err := p.answer(connection); err != nil {
			return err
		}
	}
	p.posts = append(p.posts, post{connection, f})
	return nil
}

func (*poster) IsActive(string) bool { return true }

// bucket keeps documents and makes links.
type bucket struct {
	documents map[string]string
	reads     int // of uploads
	err       error
}

func (b *bucket) Link(_ context.Context, key string) (string, time.Time, error) {
	return "https://b.example/" + key + "?a=1&b=2", start.Add(15 * time.Minute), b.err
}

func (b *bucket) Of(key lifecycle.Key) streamer.Files { return requestFiles{key} }

func (b *bucket) PutDocument(_ context.Context, key string, doc []byte) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	b.documents[key] = string(doc)
	sum := sha256.Sum256(doc)
	return sum[:], nil
}

func (b *bucket) UploadLink(_ context.Context, key string, u files.Upload) (string, map[string]string, time.Time, error) {
	return "https://b.example/" + key + "?a=1&b=2", map[string]string{"content-type": "application/json", "x-size": fmt.Sprint(u.Size)}, start.Add(15 * time.Minute), b.err
}

func (b *bucket) Uploaded(_ context.Context, key string, u files.Upload) ([]byte, error) {
	b.reads++
	if b.err != nil {
		return nil, b.err
	}
	doc, ok := b.documents[key]
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: secret", files.ErrNoUpload)
	case int64(len(doc)) != u.Size:
		return nil, &files.MismatchError{Field: "size"}
	case sha256.Sum256([]byte(doc)) != u.Hash:
		return nil, &files.MismatchError{Field: "sha256"}
	}
	return []byte(doc), nil
}

type requestFiles struct{ key lifecycle.Key }

func (f requestFiles) Put(_ context.Context, name, _ string, body io.Reader) (streamer.File, error) {
	b, err := io.ReadAll(body)
	return streamer.File{Key: "t/" + f.key.Tenant + "/" + f.key.ID + "/" + name, Size: int64(len(b))}, err
}

// table is store.Memory with faults: fail before a write, lose its answer after it.
type table struct {
	*store.Memory
	fail func(op string) error
	lost func(op string) bool
	race func(op string)
}

func (t *table) fault(op string) error {
	if t.race != nil {
		t.race(op)
	}
	if t.fail != nil {
		return t.fail(op)
	}
	return nil
}

func (t *table) Create(ctx context.Context, row lifecycle.Row, now time.Time) error {
	if err := t.fault("create"); err != nil {
		return err
	}
	err := t.Memory.Create(ctx, row, now)
	if t.lost != nil && t.lost("create") { // the SDK writes again
		err = t.Memory.Create(ctx, row, now)
	}
	return err
}

func (t *table) Update(ctx context.Context, key lifecycle.Key, u lifecycle.Update) (lifecycle.Row, error) {
	if err := t.fault(u.Name); err != nil {
		return lifecycle.Row{}, err
	}
	row, err := t.Memory.Update(ctx, key, u)
	if t.lost != nil && t.lost(u.Name) {
		row, err = t.Memory.Update(ctx, key, u)
	}
	return row, err
}

func (t *table) Get(ctx context.Context, key lifecycle.Key) (lifecycle.Row, bool, error) {
	if err := t.fault("get"); err != nil {
		return lifecycle.Row{}, false, err
	}
	return t.Memory.Get(ctx, key)
}

func (t *table) ByUser(ctx context.Context, tenant, user string, after store.Position, most int) ([]lifecycle.Row, store.Position, error) {
	if err := t.fault("by user"); err != nil {
		return nil, store.Position{}, err
	}
	return t.Memory.ByUser(ctx, tenant, user, after, most)
}

func (t *table) PutPayload(ctx context.Context, key lifecycle.Key, hash []byte, payload string, expires time.Time) error {
	if err := t.fault("put payload"); err != nil {
		return err
	}
	return t.Memory.PutPayload(ctx, key, hash, payload, expires)
}

type world struct {
	*router.Router
	clock       *watch
	requests    *table
	connections *connections
	posted      *poster
	files       *bucket
	metrics     *metrictest.Tally
	log         *bytes.Buffer
	messages    int
}

func open(t *testing.T, entries ...streamer.Entry) *world {
	t.Helper()
	registry, err := streamer.NewRegistry(entries...)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		clock: &watch{at: start}, requests: &table{Memory: store.NewMemory()}, connections: &connections{rows: map[string]store.Connection{}},
		posted: &poster{}, files: &bucket{documents: map[string]string{}}, metrics: &metrictest.Tally{}, log: &bytes.Buffer{},
	}
	made := 0
	w.Router = &router.Router{
		Registry: registry, Requests: w.requests, Connections: w.connections, Manager: w.posted, Files: w.files, Clock: w.clock,
		NewID: func(time.Time) string {
			made++
			return fmt.Sprintf("01JGH%021d", made)
		},
		Metrics: w.metrics, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
	}
	return w
}

// event reads a golden event.
func event(t testing.TB, name string) (ev events.APIGatewayWebsocketProxyRequest) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &ev); err != nil {
		t.Fatal(err)
	}
	return ev
}

// message is the golden event of a message with another body, and an id of its own.
func (w *world) message(t *testing.T, body string) events.APIGatewayWebsocketProxyRequest {
	t.Helper()
	ev := event(t, "message")
	ev.Body = body
	w.messages++
	ev.RequestContext.RequestID = fmt.Sprint("message", w.messages)
	return ev
}

// as makes an event another user's.
func as(ev events.APIGatewayWebsocketProxyRequest, tenant, user, connection string) events.APIGatewayWebsocketProxyRequest {
	claims := maps.Clone(ev.RequestContext.Authorizer.(map[string]any))
	claims["tenant"], claims["sub"] = tenant, user
	ev.RequestContext.Authorizer, ev.RequestContext.ConnectionID = claims, connection
	return ev
}

// response is what Lambda hands to API Gateway.
type response struct {
	StatusCode int
	Headers    map[string]string
	Body       string
}

// invoke runs the function as Lambda would.
func (w *world) invoke(t *testing.T, ctx context.Context, ev events.APIGatewayWebsocketProxyRequest) response {
	t.Helper()
	payload, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	out, err := lambda.NewHandler(w.Handle).Invoke(ctx, payload)
	if err != nil {
		t.Fatalf("the function failed: %v", err)
	}
	var r response
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return r
}

// send gives the router a message and holds its answer to what must be true of each:
// status 200 and one frame that is not empty and fits.
func (w *world) send(t *testing.T, ev events.APIGatewayWebsocketProxyRequest) protocol.Frame {
	t.Helper()
	return w.sendWith(t, t.Context(), ev)
}

func (w *world) sendWith(t *testing.T, ctx context.Context, ev events.APIGatewayWebsocketProxyRequest) protocol.Frame {
	t.Helper()
	r := w.invoke(t, ctx, ev)
	f, err := protocol.DecodeFrame([]byte(r.Body))
	if err != nil || r.StatusCode != 200 || len(r.Headers) != 0 || len(r.Body) > protocol.MaxFrame {
		t.Fatalf("answered %d with %d bytes: %.300s, err %v", r.StatusCode, len(r.Body), r.Body, err)
	}
	if _, unknown := f.(protocol.Unknown); unknown || strings.Contains(r.Body, "\n") {
		t.Fatalf("answered %.300s", r.Body)
	}
	return f
}

// say sends a message of ann's.
func (w *world) say(t *testing.T, body string) protocol.Frame {
	t.Helper()
	return w.send(t, w.message(t, body))
}

// refused sends a message that is answered with an error of that code.
func (w *world) refused(t *testing.T, ev events.APIGatewayWebsocketProxyRequest, code protocol.Code) protocol.Error {
	t.Helper()
	f, ok := w.send(t, ev).(protocol.Error)
	if !ok || f.Code != code || f.Message == "" {
		t.Errorf("%.200s is answered with %+v, want %s", ev.Body, f, code)
	}
	return f
}

// row reads a request of a tenant's.
func (w *world) row(t *testing.T, tenant, id string) lifecycle.Row {
	t.Helper()
	row, exists, err := w.requests.Memory.Get(t.Context(), lifecycle.Key{Tenant: tenant, ID: id})
	if err != nil || !exists {
		t.Fatalf("request %s: %v, err %v", id, exists, err)
	}
	return row
}

// update makes a transition that a processor would.
func (w *world) update(t *testing.T, id string, u lifecycle.Update) lifecycle.Row {
	t.Helper()
	row, err := w.requests.Memory.Update(t.Context(), lifecycle.Key{Tenant: "acme", ID: id}, u)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// accept sends an async message and returns the request's id.
func (w *world) accept(t *testing.T, ev events.APIGatewayWebsocketProxyRequest) string {
	t.Helper()
	f, ok := w.send(t, ev).(protocol.Accepted)
	if !ok {
		t.Fatalf("%.200s is not accepted: %+v", ev.Body, f)
	}
	return f.RequestID
}

// once holds for the first time that it is asked about a write.
func once(op string) func(string) bool {
	left := true
	return func(asked string) bool {
		hit := left && asked == op
		left = left && !hit
		return hit
	}
}

// failing refuses a write as a service that is away does.
func failing(op string) func(string) error {
	return func(asked string) error {
		if asked == op {
			return errors.New("dial tcp 10.0.0.7:443: secret of the house")
		}
		return nil
	}
}

// quiet fails if something stands in a frame that is not for a client.
func quiet(t *testing.T, f protocol.Frame) {
	t.Helper()
	text, err := protocol.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"secret", "10.0.0.7", "dial", "goroutine", ".go:"} {
		if strings.Contains(string(text), word) {
			t.Errorf("a client is told %s", text)
		}
	}
}

// said lists who was posted what.
func (p *poster) said() []string {
	var out []string
	for _, post := range p.posts {
		out = append(out, post.connection+" "+string(post.frame.Type()))
	}
	slices.Sort(out)
	return out
}
