package files_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
)

var key = lifecycle.Key{Tenant: "acme@eu:1", ID: "01JGH00000000000000000000A"}

// object is what S3 was sent.
type object struct {
	contentType, body string
	length            int64
}

// storage is as much of S3 as files uses: it keeps what is put and gives it back.
type storage struct {
	mu      sync.Mutex
	objects map[string]object
	status  int // if set, every call gets it
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status != 0 {
		w.WriteHeader(s.status)
		return
	}
	at := r.URL.Path
	switch r.Method {
	case http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.objects[at] = object{r.Header.Get("Content-Type"), string(body), r.ContentLength}
	case http.MethodGet:
		o, ok := s.objects[at]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		io.WriteString(w, o.body)
	}
}

func bucket(t *testing.T) (files.Bucket, *storage) {
	t.Helper()
	st := &storage{objects: map[string]object{}}
	server := httptest.NewServer(st)
	t.Cleanup(server.Close)
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "session"),
		Retryer:     aws.NopRetryer{},
		// Without TLS no trailing checksum may be sent, as on the local stage.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
	return files.Bucket{Client: client, Name: "files"}, st
}

// pipe is an *os.File that cannot seek.
func pipe(t *testing.T, text string) io.Reader {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	go func() {
		io.WriteString(w, text)
		w.Close()
	}()
	return r
}

func TestPutStoresTheWholeBody(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	half := strings.NewReader("0123456789")
	if _, err := half.Seek(5, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		body io.Reader
		want string
	}{
		"seekable":     {strings.NewReader("0123456789"), "0123456789"},
		"half read":    {half, "0123456789"},
		"not seekable": {iotest.OneByteReader(strings.NewReader("0123456789")), "0123456789"},
		"pipe":         {pipe(t, "0123456789"), "0123456789"},
		"empty":        {strings.NewReader(""), ""},
		"empty stream": {io.MultiReader(), ""},
	} {
		b, st := bucket(t)
		f, err := b.Of(key).Put(t.Context(), "report 1.pdf", "application/pdf", c.body)
		if want := (streamer.File{Key: "t/acme@eu:1/" + key.ID + "/report 1.pdf", Size: int64(len(c.want))}); err != nil || f != want {
			t.Errorf("%s: %+v, err %v, want %+v", name, f, err, want)
		}
		if got, want := st.objects["/files/"+f.Key], (object{"application/pdf", c.want, int64(len(c.want))}); got != want {
			t.Errorf("%s: stored %+v, want %+v", name, got, want)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("temporary files are left: %v, err %v", left, err)
	}
}

func TestPutFails(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	b, st := bucket(t)
	broken := errors.New("disk is gone")
	if _, err := b.Of(key).Put(t.Context(), "a", "text/plain", iotest.ErrReader(broken)); !errors.Is(err, broken) || len(st.objects) != 0 {
		t.Errorf("err %v, stored %v", err, st.objects)
	}
	st.status = http.StatusForbidden
	if f, err := b.Of(key).Put(t.Context(), "a", "text/plain", strings.NewReader("x")); err == nil || f != (streamer.File{}) {
		t.Errorf("refused by S3: %+v, err %v", f, err)
	}
	if hash, err := b.PutDocument(t.Context(), "k", []byte("{}")); err == nil || hash != nil {
		t.Errorf("refused by S3: hash %x, err %v", hash, err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("temporary files are left: %v, err %v", left, err)
	}
}

func TestNamesOfFiles(t *testing.T) {
	b, st := bucket(t)
	for _, name := range []string{"a", "A.pdf", "0", "report 2024-01.pdf", "a..b", strings.Repeat("a", 100), "result.json"} {
		if _, err := b.Of(key).Put(t.Context(), name, "text/plain", strings.NewReader("x")); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	stored := len(st.objects)
	for _, name := range []string{
		"", ".", "..", "../a", "a/b", "/a", "a\\b", ".hidden", "_result.json", "-a", " a", "a\n", "a\x00", "ä", "a\"b", "a;b", "a%2Fb", "a?b", "a#b", strings.Repeat("a", 101),
	} {
		if f, err := b.Of(key).Put(t.Context(), name, "text/plain", strings.NewReader("x")); err == nil || !strings.Contains(err.Error(), "name") {
			t.Errorf("%q was stored as %+v, err %v", name, f, err)
		}
	}
	if len(st.objects) != stored {
		t.Errorf("a refused name was stored: %v", st.objects)
	}
}

func TestDocuments(t *testing.T) {
	b, st := bucket(t)
	doc := []byte(`{"n":1.10}`)
	hash, err := b.PutDocument(t.Context(), "t/a/r/_payload.json", doc)
	if want := sha256.Sum256(doc); err != nil || !bytes.Equal(hash, want[:]) {
		t.Fatalf("hash %x, err %v", hash, err)
	}
	if o := st.objects["/files/t/a/r/_payload.json"]; o.contentType != "application/json" || o.body != string(doc) {
		t.Errorf("stored %+v", o)
	}
	if got, err := b.Document(t.Context(), "t/a/r/_payload.json", hash); err != nil || string(got) != string(doc) {
		t.Errorf("read %s, err %v", got, err)
	}
	other := sha256.Sum256([]byte("other"))
	if got, err := b.Document(t.Context(), "t/a/r/_payload.json", other[:]); err == nil || !strings.Contains(err.Error(), "not the one that was stored") {
		t.Errorf("read %s under another hash, err %v", got, err)
	}
	if got, err := b.Document(t.Context(), "t/a/r/nothing", hash); err == nil {
		t.Errorf("read %s where nothing is", got)
	}
}

func TestLink(t *testing.T) {
	b, _ := bucket(t)
	before := time.Now()
	link, expires, err := b.Link(t.Context(), "t/acme@eu:1/"+key.ID+"/report 1.pdf")
	if err != nil {
		t.Fatal(err)
	}
	if expires.Before(before.Add(files.LinkLife)) || expires.After(time.Now().Add(files.LinkLife)) {
		t.Errorf("expires at %s", expires)
	}
	u, err := url.Parse(link)
	if err != nil || u.Path != "/files/t/acme@eu:1/"+key.ID+"/report 1.pdf" {
		t.Fatalf("link %s, err %v", link, err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Expires": "900", "X-Amz-Security-Token": "session", "X-Amz-SignedHeaders": "host",
		"response-content-disposition": `attachment; filename="report 1.pdf"`,
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	if q.Get("X-Amz-Signature") == "" {
		t.Errorf("no signature in %s", link)
	}
}

func TestRequestsCannotReachEachOthersFiles(t *testing.T) {
	seen := map[string]lifecycle.Key{}
	for _, k := range []lifecycle.Key{key, {Tenant: "acme", ID: key.ID}, {Tenant: "acme", ID: "01JGH00000000000000000000B"}, {Tenant: "acme.", ID: key.ID}} {
		at := files.Key(k, "a")
		if other, taken := seen[at]; taken {
			t.Errorf("%v and %v share %s", k, other, at)
		}
		seen[at] = k
	}
}
