package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/pay-theory/streamer/internal/place"
	"github.com/pay-theory/streamer/internal/resources"
)

// account is as much of Service Quotas as is asked: the quotas that it has, and those that
// everybody has.
type account struct{ own, usual map[string]float64 }

// ServeHTTP implements http.Handler.
func (a account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ ServiceCode, QuotaCode string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	of := a.own
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetAWSDefaultServiceQuota") {
		of = a.usual
	}
	value, known := of[in.ServiceCode+" "+in.QuotaCode]
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if !known {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"NoSuchResourceException","Message":"none"}`)
		return
	}
	fmt.Fprintf(w, `{"Quota":{"Value":%g}}`, value)
}

func TestQuotasAreComparedWithWhatSettingsNeed(t *testing.T) {
	server := httptest.NewServer(account{
		own:   map[string]float64{"apigateway L-8A5B8E43": 2500, "dynamodb L-AB614373": 40_000},
		usual: map[string]float64{"apigateway L-8A5B8E43": 10_000, "apigateway L-9ED1E49A": 500},
	})
	defer server.Close()
	p := &patient{session: &session{Stage: place.Stage{Place: place.Place{Config: aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}}}}}
	for _, c := range []struct {
		most load
		want [3]string
	}{
		{load{messages: 100, posts: 48, open: 600, running: 12}, [3]string{
			"ok of the account's 2500 requests a second to all APIs this stage may need 148",
			"ok of the account's 500 new connections a second to all WebSocket APIs this stage may need 10",
			"ok of the account's 40000 write units a second to a table this stage may need 906",
		}},
		{load{messages: 1000, posts: 2200, open: 18_000}, [3]string{
			"note the account has 2500 requests a second to all APIs, and this stage may need 3200: 1000 messages and, to one watcher each, 2200 frames of progress",
			"note of the account's 500 new connections a second to all WebSocket APIs this stage may need 300, more than half: 18000 clients that come back within a minute",
			"ok of the account's 40000 write units a second to a table this stage may need 9000",
		}},
		{load{messages: 5000, open: 60_000}, [3]string{
			"note the account has 2500 requests a second to all APIs, and this stage may need 5000: 5000 messages and, to one watcher each, 0 frames of progress",
			"note the account has 500 new connections a second to all WebSocket APIs, and this stage may need 1000: 60000 clients that come back within a minute",
			"note the account has 40000 write units a second to a table, and this stage may need 45000: 5000 new requests a second, and 0 under work",
		}},
	} {
		for i, q := range quotas {
			f, err := p.compare(t.Context(), q, c.most)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(f.State, " ", f.Says); got != c.want[i] {
				t.Errorf("got  %s\nwant %s", got, c.want[i])
			}
			if (f.State == note) != strings.Contains(f.Do, "--quota-code "+q.code) {
				t.Errorf("what to do is %q", f.Do)
			}
		}
	}
	if _, err := p.compare(t.Context(), quota{service: "apigateway", code: "L-0"}, load{}); err == nil || !strings.Contains(err.Error(), "L-0 of apigateway") {
		t.Errorf("a quota that nobody knows: %v", err)
	}
}

// There is room for as many resources as a worker has: the reviewed stack of prod has one.
func TestAFullStackIsKnown(t *testing.T) {
	stack, err := os.ReadFile(filepath.Join("..", "..", "infra", "testdata", "stacks", "prod.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if worker := strings.Count(string(stack), "\nWorkersreports"); worker != workerResources {
		t.Errorf("a worker is %d resources, not %d", worker, workerResources)
	}
	for n, want := range map[int]state{70: fine, 500 - workerResources: fine, 501 - workerResources: note, 500: note} {
		p := &patient{parts: make([]resources.Resource, n)}
		if f := p.room(); f.State != want {
			t.Errorf("%d resources: %+v", n, f)
		}
	}
}
