package files_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/files"
)

func uploadOf(doc string) files.Upload {
	return files.Upload{ID: key.ID, Size: int64(len(doc)), Hash: sha256.Sum256([]byte(doc))}
}

func TestUpload(t *testing.T) {
	b, st := bucket(t)
	const doc = `{"a":[1,2,3]}`
	u := uploadOf(doc)
	at := files.UploadKey("acme@eu:1", "ann/../bob", u)
	if _, err := b.Uploaded(t.Context(), at, u); !errors.Is(err, files.ErrNoUpload) {
		t.Errorf("before it is there: %v", err)
	}
	link, headers, expires, err := b.UploadLink(t.Context(), at, u)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(expires); left > 15*time.Minute || left < 14*time.Minute {
		t.Errorf("the link lives for %s", left)
	}
	if len(headers) != 2 || headers["content-type"] != "application/json" || headers["x-amz-checksum-sha256"] != base64.StdEncoding.EncodeToString(u.Hash[:]) {
		t.Errorf("headers %v", headers)
	}
	parsed, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	if signed := parsed.Query().Get("X-Amz-SignedHeaders"); signed != "content-length;content-type;host;x-amz-checksum-sha256" {
		t.Errorf("signed are %s", signed)
	}
	if strings.Contains(link, "crc32") {
		t.Errorf("another checksum is asked for: %s", link)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, link, strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got, err := b.Uploaded(t.Context(), at, u); err != nil || string(got) != doc {
		t.Errorf("read %s, err %v", got, err)
	}
	for body, field := range map[string]string{doc + " ": "size", doc[1:]: "size", "": "size", `{"a":[1,2,4]}`: "sha256"} {
		for name, o := range st.objects {
			o.body = body
			st.objects[name] = o
		}
		_, err := b.Uploaded(t.Context(), at, u)
		if wrong, ok := errors.AsType[*files.MismatchError](err); !ok || wrong.Field != field {
			t.Errorf("%q: err is %v", body, err)
		}
	}
	// A role that may not list is told 403 of what is not there.
	for status, none := range map[int]bool{403: true, 404: true, 500: false, 400: false} {
		st.status = status
		if _, err := b.Uploaded(t.Context(), at, u); err == nil || errors.Is(err, files.ErrNoUpload) != none {
			t.Errorf("status %d: err is %v", status, err)
		}
	}
}

func TestUploadKeys(t *testing.T) {
	u := uploadOf("1")
	seen := map[string]string{}
	for _, who := range [][2]string{{"acme", "ann"}, {"acme", "bob"}, {"globex", "ann"}, {"acme", "ann/x"}, {"acme", "../globex/ann"}, {"acme", ""}} {
		at := files.UploadKey(who[0], who[1], u)
		if !strings.HasPrefix(at, "t/"+who[0]+"/_uploads/") || strings.Count(at, "/") != 4 || strings.Contains(at, "..") || seen[at] != "" {
			t.Errorf("%v has the key %s, as %s has", who, at, seen[at])
		}
		seen[at] = who[0] + who[1]
	}
}

func TestParseRef(t *testing.T) {
	u := uploadOf("[1]")
	if got, ok := files.ParseRef(u.Ref()); !ok || got != u {
		t.Errorf("%s is read as %+v", u.Ref(), got)
	}
	hash := hex.EncodeToString(u.Hash[:])
	for _, ref := range []string{
		"", "x", key.ID, key.ID + ".3", key.ID + ".3." + hash[1:], key.ID + ".3." + hash + "0", key.ID + ".0." + hash, key.ID + ".03." + hash,
		key.ID + ".-3." + hash, key.ID + ".99999999999." + hash, key.ID + ".3." + strings.ToUpper(hash), "../" + u.Ref(), u.Ref() + "\n", u.Ref() + "/../x",
		strings.Replace(u.Ref(), "0", "/", 1),
	} {
		if got, ok := files.ParseRef(ref); ok {
			t.Errorf("%q is read as %+v", ref, got)
		}
	}
}
