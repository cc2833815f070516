package files

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pay-theory/streamer/internal/contract"
)

// ErrNoUpload says that nothing was uploaded under a reference.
var ErrNoUpload = errors.New("no such upload")

// Upload is a document that a user announced: what its reference says of it.
type Upload struct {
	// ID tells uploads of the same document apart.
	ID   string
	Size int64
	Hash [sha256.Size]byte
}

var uploadRef = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9A-Z]{26})\.([1-9][0-9]{0,9})\.([0-9a-f]{64})$`)
})

// Ref is the upload's reference. What it says cannot be changed without making it another
// one, so nothing needs to be stored about an upload but the document.
func (u Upload) Ref() string {
	return u.ID + "." + strconv.FormatInt(u.Size, 10) + "." + hex.EncodeToString(u.Hash[:])
}

// ParseRef reads a reference. ok is false for what is none.
func ParseRef(ref string) (u Upload, ok bool) {
	parts := uploadRef().FindStringSubmatch(ref)
	if parts == nil {
		return u, false
	}
	u.ID = parts[1]
	size, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return u, false
	}
	u.Size = size
	_, err = hex.Decode(u.Hash[:], []byte(parts[3]))
	return u, err == nil
}

// UploadKey is where a user's upload lies: under the tenant's and the user's own prefix, so
// that a foreign reference and an unknown one are the same thing. No request's id begins
// with an underscore.
func UploadKey(tenant, user string, u Upload) string {
	owner := sha256.Sum256([]byte(user)) // a subject may have any characters
	return contract.FilesPrefix + tenant + "/_uploads/" + hex.EncodeToString(owner[:]) + "/" + u.Ref()
}

// UploadLink makes a link by which anyone who holds it may PUT exactly this document, with
// these headers, until it expires. No call is made.
func (b Bucket) UploadLink(ctx context.Context, key string, u Upload) (url string, headers map[string]string, expires time.Time, err error) {
	expires = time.Now().Add(LinkLife)
	req, err := s3.NewPresignClient(b.Client).PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.Name, Key: &key, ContentType: aws.String("application/json"), ContentLength: &u.Size,
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(u.Hash[:])),
	}, s3.WithPresignExpires(LinkLife))
	if err != nil {
		return "", nil, time.Time{}, fmt.Errorf("link to upload: %w", err)
	}
	headers = map[string]string{}
	for name, values := range req.SignedHeader {
		// Every HTTP client sends these two by itself, and browsers let nobody else.
		if name := strings.ToLower(name); name != "host" && name != "content-length" {
			headers[name] = strings.Join(values, ",")
		}
	}
	return req.URL, headers, expires, nil
}

// Uploaded reads an uploaded document whole, and fails with ErrNoUpload if none is there.
// One of another size or hash than announced is a *MismatchError.
func (b Bucket) Uploaded(ctx context.Context, key string, u Upload) ([]byte, error) {
	out, err := b.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &key})
	if err != nil {
		// Who may not list a bucket is told that he may not read what is not there (S3 API
		// reference, GetObject).
		if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok &&
			(answer.HTTPStatusCode() == http.StatusNotFound || answer.HTTPStatusCode() == http.StatusForbidden) {
			return nil, fmt.Errorf("%w: %w", ErrNoUpload, err)
		}
		return nil, fmt.Errorf("get upload: %w", err)
	}
	defer out.Body.Close()
	doc, err := io.ReadAll(io.LimitReader(out.Body, u.Size+1))
	if err != nil {
		return nil, fmt.Errorf("get upload: %w", err)
	}
	if int64(len(doc)) != u.Size {
		return nil, &MismatchError{"size"}
	}
	if sha256.Sum256(doc) != u.Hash {
		return nil, &MismatchError{"sha256"}
	}
	return doc, nil
}

// MismatchError says in what an uploaded document differs from what was announced.
type MismatchError struct{ Field string }

// Error implements error.
func (e *MismatchError) Error() string {
	return "what was uploaded has another " + e.Field + " than was announced"
}
