package front

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// actionWindow is how many bytes of a form are looked at for its Action.
const actionWindow = 4 << 10

// operation names what a call asks for, "service.Operation". It reads the head of
// small forms only, and leaves the body as it was.
func operation(r *http.Request) string {
	if op, ok := connectionOperation(r); ok {
		return "execute-api." + op
	}
	service := signedFor(r)
	if prefix, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		if service == "" {
			service = targetService(prefix)
		}
		return service + "." + op
	}
	if service == "" {
		return "other"
	}
	if service == "s3" {
		return "s3." + objectOperation(r)
	}
	// Smithy's RPC protocol: /service/<name>/operation/<operation>.
	if parts := strings.Split(r.URL.Path, "/"); len(parts) == 5 && parts[1] == "service" && parts[3] == "operation" {
		return service + "." + parts[4]
	}
	if action := formAction(r); action != "" {
		return service + "." + action
	}
	return service + ".other"
}

// connectionOperation knows the calls to <callback url>/@connections/<id>.
func connectionOperation(r *http.Request) (string, bool) {
	if !strings.Contains(r.URL.Path, "/@connections/") {
		return "", false
	}
	switch r.Method {
	case http.MethodPost:
		return "PostToConnection", true
	case http.MethodGet:
		return "GetConnection", true
	case http.MethodDelete:
		return "DeleteConnection", true
	}
	return "", false
}

// signedFor returns the service in the scope of the call's signature
// (<key>/<date>/<region>/<service>/aws4_request), in a header or a presigned URL.
func signedFor(r *http.Request) string {
	scope := r.URL.Query().Get("X-Amz-Credential")
	if _, after, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		scope, _, _ = strings.Cut(after, ",")
	}
	parts := strings.Split(scope, "/")
	if len(parts) < 5 {
		return ""
	}
	return parts[len(parts)-2]
}

// targetService makes a service's name of the first part of a target:
// DynamoDB_20120810 is dynamodb, AmazonSQS is sqs.
func targetService(prefix string) string {
	name, _, _ := strings.Cut(prefix, "_")
	return strings.ToLower(strings.TrimPrefix(name, "Amazon"))
}

// objectOperation names calls on objects in path-style addresses (/bucket/key), and
// the listing of a bucket.
func objectOperation(r *http.Request) string {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	if key == "" {
		switch {
		case r.Method == http.MethodGet && query.Get("list-type") == "2":
			return "ListObjectsV2"
		case r.Method == http.MethodPost && query.Has("delete"):
			return "DeleteObjects"
		}
		return "other"
	}
	for _, sub := range []string{"acl", "tagging", "attributes", "retention", "legal-hold", "select", "restore"} {
		if query.Has(sub) {
			return "other"
		}
	}
	upload := query.Has("uploadId")
	switch r.Method {
	case http.MethodGet:
		if upload {
			return "ListParts"
		}
		return "GetObject"
	case http.MethodHead:
		return "HeadObject"
	case http.MethodPut:
		if upload {
			return "UploadPart"
		}
		if r.Header.Get("X-Amz-Copy-Source") != "" {
			return "CopyObject"
		}
		return "PutObject"
	case http.MethodDelete:
		if upload {
			return "AbortMultipartUpload"
		}
		return "DeleteObject"
	case http.MethodPost:
		if upload {
			return "CompleteMultipartUpload"
		}
		if query.Has("uploads") {
			return "CreateMultipartUpload"
		}
	}
	return "other"
}

// formAction returns the Action parameter of the query protocol, if it stands in
// the URL or in the first bytes of a form.
func formAction(r *http.Request) string {
	if action := r.URL.Query().Get("Action"); action != "" {
		return action
	}
	if r.Body == nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return ""
	}
	head, err := io.ReadAll(io.LimitReader(r.Body, actionWindow))
	rest := io.Reader(r.Body)
	if err != nil {
		rest = broken{err} // whoever reads the body meets it too
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), r.Body}
	for pair := range strings.SplitSeq(string(head), "&") {
		if name, ok := strings.CutPrefix(pair, "Action="); ok {
			action, err := url.QueryUnescape(name)
			if err != nil {
				return ""
			}
			return action
		}
	}
	return ""
}

// broken is what remains of a body that could not be read to its end.
type broken struct{ err error }

// Read implements io.Reader.
func (b broken) Read([]byte) (int, error) { return 0, b.err }
