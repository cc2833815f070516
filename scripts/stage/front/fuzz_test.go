package front

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
)

// FuzzFrameMeter: the largest frame is the same however its bytes come, and the one that a
// reader of the whole stream finds.
func FuzzFrameMeter(f *testing.F) {
	f.Add([]byte{0x81, 0x83, 0, 0, 0, 0, 'a', 'b', 'c', 0x89, 0x80, 0, 0, 0, 0}, 1)
	f.Add([]byte{0x01, 0x7e, 1, 0}, 2)
	f.Add([]byte{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5}, 3)
	f.Add([]byte{0x88, 0x7f}, 7)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		whole, pieces := &frameMeter{}, &frameMeter{}
		whole.measure(stream)
		piece = min(max(piece, 1), len(stream)+1)
		for at := 0; at < len(stream); at += piece {
			pieces.measure(stream[at:min(at+piece, len(stream))])
		}
		if whole.largest.Load() != pieces.largest.Load() || whole.body != pieces.body || !bytes.Equal(whole.header, pieces.header) {
			t.Errorf("in pieces of %d %+v, as a whole %+v", piece, pieces, whole)
		}
		if want := largestFrame(stream); whole.largest.Load() != want {
			t.Errorf("the largest frame has %d bytes, want %d", whole.largest.Load(), want)
		}
		if len(whole.header) > 14 {
			t.Errorf("%d bytes of a header are kept", len(whole.header))
		}
	})
}

// largestFrame is the payload of the largest data frame that begins in a stream.
func largestFrame(stream []byte) (largest uint64) {
	r := bytes.NewReader(stream)
	for {
		var head [2]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return largest
		}
		length := uint64(head[1] & 0x7f)
		var err error
		switch length {
		case 126:
			var n uint16
			err = binary.Read(r, binary.BigEndian, &n)
			length = uint64(n)
		case 127:
			err = binary.Read(r, binary.BigEndian, &length)
		}
		if err == nil && head[1]&0x80 != 0 {
			_, err = io.ReadFull(r, make([]byte, 4))
		}
		if err != nil {
			return largest
		}
		if head[0]&0x8 == 0 {
			largest = max(largest, length)
		}
		if length >= uint64(r.Len()) {
			return largest
		}
		if _, err := r.Seek(int64(length), io.SeekCurrent); err != nil {
			return largest
		}
	}
}

// FuzzControl: rules and limits are refused with 400, or they are in force and can be
// looked at and applied.
func FuzzControl(f *testing.F) {
	for _, body := range []string{
		`[{"operation":"dynamodb.*","contains":["x"],"count":1,"fault":"error","status":503}]`, `[{"operation":"[","fault":"error"}]`, `[{"operation":"*","fault":"throttle","probability":1e-9,"seed":1}]`,
		`{"match":"a","rate":1,"burst":2,"idle_ms":5}`, `{"idle_ms":9223372036854775807,"frame":-1}`, `{"rate":1.5}`, `[]`, `null`, `[null]`, `{} {}`, `[{"operation":"a[b-]","fault":"reset"}]`,
	} {
		f.Add([]byte(body), "dynamodb.PutItem")
	}
	f.Fuzz(func(t *testing.T, body []byte, operation string) {
		var faults faults
		var limits limitTable
		put := func(serve http.HandlerFunc) bool {
			w := httptest.NewRecorder()
			serve(w, httptest.NewRequest(http.MethodPut, "/", bytes.NewReader(body)))
			if w.Code != http.StatusNoContent && w.Code != http.StatusBadRequest {
				t.Fatalf("%q is answered with %d", body, w.Code)
			}
			if w.Code == http.StatusNoContent && !json.Valid(body) {
				t.Fatalf("%q is taken", body)
			}
			return w.Code == http.StatusNoContent
		}
		if put(faults.servePut) {
			for _, a := range faults.sets[0].rules {
				if _, err := path.Match(a.Operation, operation); err != nil {
					t.Errorf("%q is taken and matches nothing: %v", a.Operation, err)
				}
			}
			faults.match(operation, func() string { return "" }, string(body))
			w := httptest.NewRecorder()
			faults.serveGet(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("%q is shown as %q", body, w.Body)
			}
		}
		if put(limits.servePut) {
			if l := limits.of(operation); l.Frame <= 0 || l.Message <= 0 || l.IdleMS <= 0 || l.LifetimeMS <= 0 || l.Rate <= 0 || l.Burst <= 0 {
				t.Errorf("%q gives %+v", body, l)
			}
		}
	})
}

// FuzzOperation: every call has a name of a service and an operation, and keeps its body.
func FuzzOperation(f *testing.F) {
	auth := "Authorization: AWS4-HMAC-SHA256 Credential=test/20260102/us-east-1/"
	for _, call := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\nContent-Length: 2\r\n\r\n{}",
		"POST / HTTP/1.1\r\nHost: a\r\n" + auth + "sqs/aws4_request\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 18\r\n\r\nAction=SendMessage",
		"PUT /b/k?uploadId=1&partNumber=2 HTTP/1.1\r\nHost: a\r\n" + auth + "s3/aws4_request\r\nContent-Length: 1\r\n\r\nx",
		"GET /b/?list-type=2&X-Amz-Credential=a%2Fb%2Fc%2Fs3%2Fd HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /x/@connections/c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /service/S/operation/O HTTP/1.1\r\nHost: a\r\n" + auth + "monitoring/aws4_request\r\n\r\n",
		"POST /?Action=%zz HTTP/1.1\r\nHost: a\r\nAuthorization: Credential=////\r\n\r\n",
	} {
		f.Add([]byte(call))
	}
	read := func(call []byte) (*http.Request, error) {
		return http.ReadRequest(bufio.NewReader(bytes.NewReader(call)))
	}
	f.Fuzz(func(t *testing.T, call []byte) {
		r, err := read(call)
		if err != nil {
			return
		}
		if op := operation(r); op != "other" && !strings.Contains(op, ".") {
			t.Errorf("%q is %q", call, op)
		}
		got, gotErr := io.ReadAll(r.Body)
		same, err := read(call)
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := io.ReadAll(same.Body)
		if !bytes.Equal(got, want) || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%q has the body %q (%v) afterwards, want %q (%v)", call, got, gotErr, want, wantErr)
		}
	})
}
