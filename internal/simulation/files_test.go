package simulation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pay-theory/streamer/internal/files"
)

// bucket is S3: what it does stands behind the real client of the real code.
type bucket struct {
	w       *world
	objects map[string]string
	files   files.Bucket
}

const bucketName = "files"

func newBucket(w *world) *bucket {
	b := &bucket{w: w, objects: map[string]string{}}
	b.files = files.Bucket{Name: bucketName, Client: s3.New(s3.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://s3.example"), UsePathStyle: true, HTTPClient: b,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), Retryer: aws.NopRetryer{},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})}
	return b
}

// processKey is where a process stands in the context of its calls.
type processKey struct{}

// Do carries out a request of a process; it implements s3.HTTPClient.
func (b *bucket) Do(req *http.Request) (*http.Response, error) {
	p := req.Context().Value(processKey{}).(*process)
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	ask := ask[*http.Response]
	return ask(p, req.Context(), toFiles, req.Method+" "+objectKey(req.URL), 0, func() (*http.Response, error) {
		status, doc := b.serve(req.Method, req.URL, req.Header, body)
		if status != http.StatusOK {
			doc = []byte("<Error><Code>Refused</Code></Error>")
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(doc)), ContentLength: int64(len(doc))}, nil
	})
}

func objectKey(u *url.URL) string { return strings.TrimPrefix(u.Path, "/"+bucketName+"/") }

// serve is what S3 does with a request, now.
func (b *bucket) serve(method string, u *url.URL, header http.Header, body []byte) (status int, doc []byte) {
	key := objectKey(u)
	if b.w.bug.object != nil {
		key = b.w.bug.object(key)
	}
	if over(u.Query(), b.w.now()) {
		return http.StatusForbidden, nil
	}
	if method == http.MethodPut {
		sum := sha256.Sum256(body)
		if want := header.Get("X-Amz-Checksum-Sha256"); want != "" && want != base64.StdEncoding.EncodeToString(sum[:]) {
			if !b.w.plan.lax {
				return http.StatusBadRequest, nil
			}
			b.w.saw("world unchecked upload")
		}
		b.objects[key] = string(body)
		return http.StatusOK, nil
	}
	object, there := b.objects[key]
	if !there {
		if !u.Query().Has("X-Amz-Expires") && b.w.seed%2 == 0 {
			return http.StatusForbidden, nil // as who may not list a bucket is told
		}
		return http.StatusNotFound, nil
	}
	return http.StatusOK, []byte(object)
}

// over reports whether a presigned link has run out.
func over(query url.Values, now time.Time) bool {
	seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
	if err != nil {
		return false // it is none
	}
	signed, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	return err != nil || now.After(signed.Add(time.Duration(seconds)*time.Second))
}

// fetch is a request of a client's: it may fail, be done and look failed, or be slow,
// which is its caller's to roll.
func (b *bucket) fetch(who, method, link string, header map[string]string, body []byte) (status int, doc []byte) {
	u, err := url.Parse(link)
	if err != nil {
		b.w.violate("%s was given the link %q", who, link)
		return http.StatusBadRequest, nil
	}
	h := http.Header{}
	for name, value := range header {
		h.Set(name, value)
	}
	fate := fine
	switch {
	case b.w.chance(b.w.plan.clientFiles):
		fate = failed
	case b.w.chance(b.w.plan.clientFiles):
		fate = doneButFailed
	}
	if fate != failed {
		status, doc = b.serve(method, u, h, body)
	}
	b.w.note(who, method+" "+short(objectKey(u)), fmt.Sprint(status))
	if fate != fine {
		b.w.saw("world %s by a client %s", method, fate)
		return http.StatusServiceUnavailable, nil
	}
	return status, doc
}

// filesOf is the files bucket as a process reaches it.
type filesOf struct {
	files.Bucket
	b *bucket
}

func (w *world) filesOf() filesOf { return filesOf{w.bucket.files, w.bucket} }

// Uploaded implements router.Files.
func (f filesOf) Uploaded(ctx context.Context, key string, u files.Upload) ([]byte, error) {
	doc, err := f.Bucket.Uploaded(ctx, key, u)
	if _, wrong := errors.AsType[*files.MismatchError](err); wrong && f.b.w.bug.trustsUploads {
		return []byte(f.b.objects[key]), nil
	}
	return doc, err
}

// PutDocument implements router.Files and executor.Files.
func (f filesOf) PutDocument(ctx context.Context, key string, doc []byte) ([]byte, error) {
	hash, err := f.Bucket.PutDocument(ctx, key, doc)
	if err != nil && f.b.w.bug.putsIgnored {
		sum := sha256.Sum256(doc)
		return sum[:], nil
	}
	return hash, err
}
