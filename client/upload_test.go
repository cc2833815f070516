package client

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

var importAction = streamer.Action[string, string]{Name: "import", Async: true}

// drop takes what is PUT, and answers with status.
func drop(t *testing.T, status int, got *string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPut || r.Header.Get("X-Amz-Checksum-Sha256") != "signed" || r.ContentLength != int64(len(body)) {
			t.Errorf("%s with %v and %d bytes of %d, err %v", r.Method, r.Header, len(body), r.ContentLength, err)
		}
		*got = string(body)
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/secret?signature=secret"
}

func TestSubmitUploadsALargePayload(t *testing.T) {
	var put string
	url := drop(t, http.StatusOK, &put)
	in := strings.Repeat("é", 500_000)
	var announced struct {
		Size        int64
		SHA256      string
		ContentType string `json:"content_type"`
	}
	c := against(t, func(s *socket) {
		m := s.expect(protocol.ActionUpload)
		if err := json.Unmarshal(m.Payload, &announced); err != nil {
			s.t.Error(err)
		}
		s.send(protocol.Upload{Answer: protocol.Answer{ID: m.ID}, PayloadRef: "R", URL: url, Headers: map[string]string{"x-amz-checksum-sha256": "signed"}})
		m = s.expect("import")
		if m.PayloadRef != "R" || m.Payload != nil || m.IdempotencyKey != "k" {
			s.t.Errorf("got %+v", m)
		}
		s.send(accepted(m), complete(m.ID, 1, `"done"`))
		s.untilGone()
	})
	run, err := Submit(t.Context(), c, importAction, in, &SubmitOptions{IdempotencyKey: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run.Result(t.Context()); err != nil || out != "done" {
		t.Errorf("result %q, err %v", out, err)
	}
	sum := sha256.Sum256([]byte(put))
	if put != `"`+in+`"` || announced.Size != int64(len(put)) || announced.SHA256 != hex.EncodeToString(sum[:]) || announced.ContentType != "application/json" {
		t.Errorf("announced %+v, put %d bytes", announced, len(put))
	}
}

func TestSubmitSendsWhatFits(t *testing.T) {
	c := against(t, func(s *socket) {
		m := s.expect("import")
		s.send(accepted(m))
		s.untilGone()
	})
	if _, err := Submit(t.Context(), c, importAction, strings.Repeat("x", 28_000), nil); err != nil {
		t.Error(err)
	}
}

func TestAnUploadThatFails(t *testing.T) {
	var put string
	url := drop(t, http.StatusForbidden, &put)
	quick := defaultTiming
	quick.backoff = time.Millisecond
	c := connect(t, serve(t, func(s *socket) {
		for range maxTransfers {
			m := s.expect(protocol.ActionUpload)
			s.send(protocol.Upload{Answer: protocol.Answer{ID: m.ID}, PayloadRef: "R", URL: url, Headers: map[string]string{"x-amz-checksum-sha256": "signed"}})
		}
		m := s.expect(protocol.ActionUpload)
		s.send(protocol.Error{Answer: protocol.Answer{ID: m.ID}, Code: protocol.InvalidPayload, Message: "size: missing"})
		s.untilGone()
	}), &Options{timing: quick})
	in := strings.Repeat("x", 30_000)
	if _, err := Submit(t.Context(), c, importAction, in, nil); !isCode(err, CodeUnreachable) || !strings.Contains(err.Error(), "status 403") || strings.Contains(err.Error(), "secret") {
		t.Errorf("err is %v", err)
	}
	if _, err := Submit(t.Context(), c, importAction, in, nil); !isCode(err, protocol.InvalidPayload) {
		t.Errorf("err is %v", err)
	}
	if _, err := Submit(t.Context(), c, importAction, strings.Repeat("x", protocol.MaxUpload), nil); !isCode(err, protocol.MessageTooLarge) {
		t.Errorf("err is %v", err)
	}
}
