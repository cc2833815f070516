// Package files keeps in S3 what is too large for a table or a frame, and what a
// request's result names: under t/<tenant>/<request id>/<name>, so that no request can
// reach another's.
package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path"
	"regexp"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
)

// LinkLife is how long a link to a file works, at most: it dies earlier with the role
// session that made it (S3 user guide, "Download and upload objects with presigned URLs").
const LinkLife = 15 * time.Minute

// Bucket is the files bucket.
type Bucket struct {
	Client *s3.Client
	Name   string
}

var fileName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$`) })

// Key is where a request keeps the file of that name.
func Key(key lifecycle.Key, name string) string {
	return contract.FilesPrefix + key.Tenant + "/" + key.ID + "/" + name
}

// Put stores body whole. A body that can seek is sent as it is, from its beginning; any
// other goes through a temporary file first, so memory stays flat.
func (b Bucket) Put(ctx context.Context, key, contentType string, body io.Reader) (size int64, err error) {
	seeker, ok := body.(io.ReadSeeker)
	if ok {
		size, err = seeker.Seek(0, io.SeekEnd)
	}
	if !ok || err != nil { // a pipe is an *os.File too
		spool, err := os.CreateTemp("", "streamer-file-*")
		if err != nil {
			return 0, fmt.Errorf("put file: %w", err)
		}
		defer func() {
			spool.Close()
			os.Remove(spool.Name())
		}()
		if size, err = io.Copy(spool, body); err != nil {
			return 0, fmt.Errorf("put file: %w", err)
		}
		seeker = spool
	}
	if _, err = seeker.Seek(0, io.SeekStart); err != nil {
		return 0, fmt.Errorf("put file: %w", err)
	}
	_, err = b.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.Name, Key: &key, Body: seeker, ContentLength: &size, ContentType: &contentType,
	})
	if err != nil {
		return 0, fmt.Errorf("put file: %w", err)
	}
	return size, nil
}

// PutDocument stores a JSON document and returns the SHA-256 of it.
func (b Bucket) PutDocument(ctx context.Context, key string, doc []byte) ([]byte, error) {
	if _, err := b.Put(ctx, key, "application/json", bytes.NewReader(doc)); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(doc)
	return sum[:], nil
}

// Document reads a JSON document back and checks its hash.
func (b Bucket) Document(ctx context.Context, key string, hash []byte) ([]byte, error) {
	out, err := b.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("get document: %w", err)
	}
	defer out.Body.Close()
	doc, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, fmt.Errorf("get document: %w", err)
	}
	if sum := sha256.Sum256(doc); !bytes.Equal(sum[:], hash) {
		return nil, errors.New("get document: it is not the one that was stored")
	}
	return doc, nil
}

// Link makes a link that anyone who holds it may GET until it expires. No call is made.
func (b Bucket) Link(ctx context.Context, key string) (url string, expires time.Time, err error) {
	expires = time.Now().Add(LinkLife)
	req, err := s3.NewPresignClient(b.Client).PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &b.Name, Key: &key,
		ResponseContentDisposition: aws.String(mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(key)})),
	}, s3.WithPresignExpires(LinkLife))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("link to file: %w", err)
	}
	return req.URL, expires, nil
}

// Of gives one request its own part of the bucket.
func (b Bucket) Of(key lifecycle.Key) streamer.Files { return requestFiles{b, key} }

type requestFiles struct {
	bucket Bucket
	key    lifecycle.Key
}

// Put implements streamer.Files.
func (f requestFiles) Put(ctx context.Context, name, contentType string, body io.Reader) (streamer.File, error) {
	if !fileName().MatchString(name) {
		return streamer.File{}, fmt.Errorf("put file: name %q is not 1 to 100 letters, digits, spaces, dots, underscores and hyphens, the first a letter or digit", name)
	}
	key := Key(f.key, name)
	size, err := f.bucket.Put(ctx, key, contentType, body)
	if err != nil {
		return streamer.File{}, err
	}
	return streamer.File{Key: key, Size: size}, nil
}
