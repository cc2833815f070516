package front

import (
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// newFront returns a front on a loopback port, before upstream.
const ownKeys = `{"keys":[{"kid":"own"}]}`

func newFront(t *testing.T, upstream http.Handler) (*Front, *httptest.Server) {
	t.Helper()
	behind := httptest.NewServer(upstream)
	t.Cleanup(behind.Close)
	at, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	f := New(at, nil, []byte(ownKeys), slog.New(slog.NewTextHandler(io.Discard, nil)))
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, server
}

func signed(service string) string {
	return "AWS4-HMAC-SHA256 Credential=test/20260102/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=0"
}

func TestOperation(t *testing.T) {
	form := "application/x-www-form-urlencoded; charset=utf-8"
	tests := []struct {
		want, method, url, service, target, kind, body string
	}{
		{want: "dynamodb.PutItem", method: "POST", url: "/", service: "dynamodb", target: "DynamoDB_20120810.PutItem"},
		{want: "dynamodb.PutItem", method: "POST", url: "/", target: "DynamoDB_20120810.PutItem"},
		{want: "sqs.SendMessage", method: "POST", url: "/", service: "sqs", target: "AmazonSQS.SendMessage"},
		{want: "sqs.SendMessage", method: "POST", url: "/", target: "AmazonSQS.SendMessage"},
		{want: "logs.FilterLogEvents", method: "POST", url: "/", target: "Logs_20140328.FilterLogEvents"},
		{want: "monitoring.PutMetricData", method: "POST", url: "/service/GraniteServiceVersion20100801/operation/PutMetricData", service: "monitoring"},
		{want: "s3.PutObject", method: "PUT", url: "/bucket/a/key", service: "s3"},
		{want: "s3.CopyObject", method: "PUT", url: "/bucket/copy", service: "s3"},
		{want: "s3.UploadPart", method: "PUT", url: "/bucket/key?partNumber=1&uploadId=u", service: "s3"},
		{want: "s3.CreateMultipartUpload", method: "POST", url: "/bucket/key?uploads=", service: "s3"},
		{want: "s3.CompleteMultipartUpload", method: "POST", url: "/bucket/key?uploadId=u", service: "s3"},
		{want: "s3.GetObject", method: "GET", url: "/bucket/key", service: "s3"},
		{want: "s3.GetObject", method: "GET", url: "/bucket/key?X-Amz-Credential=test%2F20260102%2Fus-east-1%2Fs3%2Faws4_request"},
		{want: "s3.HeadObject", method: "HEAD", url: "/bucket/key", service: "s3"},
		{want: "s3.DeleteObject", method: "DELETE", url: "/bucket/key", service: "s3"},
		{want: "s3.ListObjectsV2", method: "GET", url: "/bucket?list-type=2", service: "s3"},
		{want: "s3.other", method: "PUT", url: "/bucket", service: "s3"},
		{want: "s3.other", method: "GET", url: "/bucket/key?tagging", service: "s3"},
		{want: "execute-api.PostToConnection", method: "POST", url: "/_aws/execute-api/a1/dev/@connections/Ab%3D", service: "execute-api"},
		{want: "execute-api.GetConnection", method: "GET", url: "/_aws/execute-api/a1/dev/@connections/Ab", service: "execute-api"},
		{want: "execute-api.DeleteConnection", method: "DELETE", url: "/_aws/execute-api/a1/dev/@connections/Ab", service: "execute-api"},
		{want: "sts.GetCallerIdentity", method: "POST", url: "/", service: "sts", kind: form, body: "Version=2011-06-15&Action=GetCallerIdentity"},
		{want: "sns.other", method: "POST", url: "/", service: "sns", kind: form, body: strings.Repeat("x", 2*actionWindow) + "&Action=Publish"},
		{want: "lambda.other", method: "POST", url: "/2015-03-31/functions/f/invocations", service: "lambda"},
		{want: "other", method: "GET", url: "/_ministack/ready"},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.url, strings.NewReader(test.body))
			if test.service != "" {
				r.Header.Set("Authorization", signed(test.service))
			}
			if test.target != "" {
				r.Header.Set("X-Amz-Target", test.target)
			}
			if test.kind != "" {
				r.Header.Set("Content-Type", test.kind)
			}
			if test.want == "s3.CopyObject" {
				r.Header.Set("X-Amz-Copy-Source", "/bucket/key")
			}
			if got := operation(r); got != test.want {
				t.Errorf("operation = %q, want %q", got, test.want)
			}
			rest, err := io.ReadAll(r.Body)
			if err != nil || string(rest) != test.body {
				t.Errorf("the body was changed: %d bytes of %d, %v", len(rest), len(test.body), err)
			}
		})
	}
}

func TestCallsArePassedOnUnchanged(t *testing.T) {
	var host, uri, agent, encoding, body string
	f, server := newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		host, uri, body = r.Host, r.RequestURI, string(data)
		agent, encoding = r.UserAgent(), r.Header.Get("Accept-Encoding")
		w.Header().Set("X-Amzn-Requestid", "1")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "answer")
	}))
	const path = "/bucket/a%2Fb%20c?list-type=2&prefix=x%3By;z"
	req, err := http.NewRequest("POST", server.URL+path, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", "test/1")
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimPrefix(server.URL, "http://"); host != want {
		t.Errorf("Host = %q, want the front's own, %q", host, want)
	}
	if uri != path || body != "hello" || agent != "test/1" || encoding != "identity" {
		t.Errorf("upstream saw %q %q %q %q", uri, body, agent, encoding)
	}
	if resp.StatusCode != http.StatusTeapot || string(answer) != "answer" || resp.Header.Get("X-Amzn-Requestid") != "1" {
		t.Errorf("answer: %s %q %v", resp.Status, answer, resp.Header)
	}
	if got, want := f.Calls(), map[string]int{"dynamodb.GetItem": 1}; !maps.Equal(got, want) {
		t.Errorf("calls = %v, want %v", got, want)
	}
}

func TestCallsEndpoint(t *testing.T) {
	_, server := newFront(t, http.NotFoundHandler())
	get := func() map[string]int {
		t.Helper()
		resp, err := http.Get(server.URL + "/_front/calls")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var calls map[string]int
		if err := json.NewDecoder(resp.Body).Decode(&calls); err != nil {
			t.Fatal(err)
		}
		return calls
	}
	if got := get(); len(got) != 0 {
		t.Errorf("a new front counted %v", got)
	}
	for range 3 {
		resp, err := http.Get(server.URL + "/unknown")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	if got, want := get(), map[string]int{"other": 3}; !maps.Equal(got, want) {
		t.Errorf("calls = %v, want %v", got, want)
	}
	req, err := http.NewRequest("DELETE", server.URL+"/_front/calls", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := get(); resp.StatusCode != http.StatusNoContent || len(got) != 0 {
		t.Errorf("after a reset (%s): %v", resp.Status, got)
	}
}

func TestUpstreamGone(t *testing.T) {
	at, err := url.Parse("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	f := New(at, nil, []byte(ownKeys), slog.New(slog.NewTextHandler(io.Discard, nil)))
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusBadGateway {
		t.Errorf("status %d, want 502", w.Code)
	}
}
