package integ_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/protocol"
)

// announce asks for an upload of a document.
func (c *client) announce(t *testing.T, doc []byte) protocol.Upload {
	t.Helper()
	sum := sha256.Sum256(doc)
	return as[protocol.Upload](t, c.ask(t, protocol.Message{Action: protocol.ActionUpload, Payload: object(t, map[string]any{
		"size": len(doc), "sha256": hex.EncodeToString(sum[:]), "content_type": "application/json",
	})}))
}

// put uploads a document and returns the status that answered.
func put(t *testing.T, to protocol.Upload, doc []byte) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to.URL, bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range to.Headers {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestLargePayloadComesBackWhole(t *testing.T) {
	for name, size := range map[string]int{"1 MB": 1 << 20, "almost the largest": protocol.MaxUpload - 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			comesBackWhole(t, size)
		})
	}
}

func comesBackWhole(t *testing.T, size int) {
	c := dial(t, fresh())
	payload := echoAsync{filled(t, size), 0, 1}
	doc := object(t, payload)
	to := c.announce(t, doc)
	if status := put(t, to, doc); status != http.StatusOK {
		t.Fatalf("the upload is answered with %d", status)
	}
	m := protocol.Message{Action: "echo_async", PayloadRef: to.PayloadRef, IdempotencyKey: "k"}
	id := as[protocol.Accepted](t, c.ask(t, m)).RequestID
	f := as[protocol.Complete](t, c.end(t, id))
	if f.ResultRef == nil {
		t.Fatalf("a result of %d bytes has no result_ref", len(doc))
	}
	got := download(t, f.ResultRef.URL)
	sum := sha256.Sum256(got)
	if int64(len(got)) != f.ResultRef.Size || hex.EncodeToString(sum[:]) != f.ResultRef.SHA256 {
		t.Errorf("%d bytes came, announced were %+v", len(got), f.ResultRef)
	}
	var result struct{ Message string }
	if err := json.Unmarshal(got, &result); err != nil || result.Message != payload.Message {
		t.Errorf("%d bytes came back of %d, err %v", len(result.Message), len(payload.Message), err)
	}
	if again := as[protocol.Accepted](t, c.wait(t, "the duplicate", answers(c.send(t, m)))); !again.Duplicate || again.RequestID != id {
		t.Errorf("the same again is %+v", again)
	}
}

// answers is an accepted frame for a message of that id.
func answers(id string) func(frame) bool {
	return func(f frame) bool { return f.ID == id && f.Type() == protocol.TypeAccepted }
}

func TestClientUploadsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	s := deployed(t)
	token := s.token(t, fresh())
	c, err := sdk.Dial(t.Context(), s.socket, &sdk.Options{Token: sdk.StaticToken(token)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	message := filled(t, 1<<20)
	run, err := sdk.Submit(t.Context(), c, handlers.EchoAsync, handlers.EchoAsyncIn{Message: message, DurationMS: new(int)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run.Result(t.Context()); err != nil || out.Message != message {
		t.Errorf("%d bytes came back of %d, err %v", len(out.Message), len(message), err)
	}
}

// Whose an upload is does not show: to everyone else it is one that never was.
func TestForeignUploadsAreUnknown(t *testing.T) {
	t.Parallel()
	u := fresh()
	owner := dial(t, u)
	doc := []byte(`{"message":"private","duration_ms":0,"steps":1}`)
	to := owner.announce(t, doc)
	if status := put(t, to, doc); status != http.StatusOK {
		t.Fatalf("the upload is answered with %d", status)
	}
	unknown := "0" + strings.Repeat("1", 25) + to.PayloadRef[26:]
	want := sameForAll(owner.ask(t, protocol.Message{Action: "echo_async", PayloadRef: unknown}))
	for name, stranger := range map[string]*client{
		"another user of the tenant": dial(t, user{u.tenant, "bob"}),
		"another tenant":             dial(t, user{fresh().tenant, u.name}),
	} {
		f := stranger.ask(t, protocol.Message{Action: "echo_async", PayloadRef: to.PayloadRef})
		refused(t, f, protocol.NotFound)
		if got := sameForAll(f); !bytes.Equal(got, want) {
			t.Errorf("%s is answered\n%s\nand of an unknown one\n%s", name, got, want)
		}
	}
	id := as[protocol.Accepted](t, owner.ask(t, protocol.Message{Action: "echo_async", PayloadRef: to.PayloadRef})).RequestID
	as[protocol.Complete](t, owner.end(t, id))
}

// Whoever uploads something else than was announced is refused: by S3, and then nothing is
// there, or else by the router.
func TestAnotherUploadThanAnnounced(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	doc := []byte(`{"message":"announced"}`)
	for name, other := range map[string][]byte{
		"of another hash": []byte(`{"message":"different"}`),
		"shorter":         []byte(`{}`),
		"longer":          []byte(`{"message":"announced, and more"}`),
	} {
		to := c.announce(t, doc)
		status := put(t, to, other)
		f := as[protocol.Error](t, c.ask(t, protocol.Message{Action: "echo_async", PayloadRef: to.PayloadRef}))
		t.Logf("%s: S3 answers %d, the router %s: %s", name, status, f.Code, f.Message)
		if status == http.StatusOK && f.Code != protocol.InvalidPayload || status != http.StatusOK && f.Code != protocol.NotFound || f.Retryable {
			t.Errorf("%s: S3 answers %d, the router %+v", name, status, f)
		}
	}
	for size, field := range map[int]string{0: "size", protocol.MaxUpload + 1: "size"} {
		f := refused(t, c.ask(t, protocol.Message{Action: protocol.ActionUpload, Payload: object(t, map[string]any{"size": size, "sha256": strings.Repeat("0", 64)})}), protocol.InvalidPayload)
		if f.Details["field"] != field {
			t.Errorf("an upload of %d bytes is answered with %+v", size, f)
		}
	}
}
