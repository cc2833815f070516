package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pay-theory/streamer/internal/place"
)

func TestEveryCheckSaysWhatItIsFor(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks {
		if c.name == "" || seen[c.name] || !strings.HasSuffix(c.question, "?") || c.expect == "" || c.see == nil {
			t.Errorf("check %q: question %q, expects %q", c.name, c.question, c.expect)
		}
		seen[c.name] = true
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"list"}, &out); err != nil {
		t.Fatal(err)
	}
	for name := range seen {
		if !strings.Contains(out.String(), name+"\n") && !strings.Contains(out.String(), name+" (long)\n") {
			t.Errorf("list lacks %s:\n%s", name, &out)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		names []string
		long  bool
		want  int
	}{
		{nil, false, len(checks) - 2},
		{nil, true, len(checks)},
		{[]string{"ramp", "idle"}, false, 2},
	} {
		got, err := choose(c.names, c.long)
		if err != nil || len(got) != c.want {
			t.Errorf("%v, long %t: %d checks, %v", c.names, c.long, len(got), err)
		}
	}
	if _, err := choose([]string{"rump"}, false); err == nil || !strings.Contains(err.Error(), `no check "rump": choose of handshake, `) {
		t.Errorf("got %v", err)
	}
}

// What differs, and what cannot be seen, is never taken for agreement.
func TestAnswersThatDoNotAgreeFail(t *testing.T) {
	fine := check{name: "fine", see: func(context.Context, *stage) (answer, error) { return answer{"this", true}, nil }}
	other := check{name: "other", see: func(context.Context, *stage) (answer, error) { return answer{"that", false}, nil }}
	blind := check{name: "blind", see: func(context.Context, *stage) (answer, error) { return answer{}, errors.New("no permission") }}
	for _, c := range []struct {
		chosen []check
		agrees bool
		want   string
	}{
		{[]check{fine}, true, "seen      this\n  agrees"},
		{[]check{other, fine}, false, "seen      that\n  DIFFERS"},
		{[]check{blind, fine}, false, "no answer no permission"},
	} {
		var out bytes.Buffer
		err := ask(t.Context(), &stage{}, c.chosen, &out)
		if (err == nil) != c.agrees || !strings.Contains(out.String(), c.want) {
			t.Errorf("err %v, output %s", err, &out)
		}
	}
}

// The list is written as AWS documents it ("Reading a service price list file", AWS
// Billing user guide).
func TestPrices(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/AmazonApiGateway/current/eu-central-1/index.json":
			w.Write([]byte(`{"products":{"A":{"sku":"A","attributes":{"usagetype":"EUC1-ApiGatewayMessage"}},"B":{"attributes":{"usagetype":"EUC1-Other"}}},
				"terms":{"OnDemand":{"A":{"A.1":{"priceDimensions":{"x":{"beginRange":"0","description":"$1.14 per million"},"y":{"beginRange":"1000000000","description":"less"}}}}}}}`))
		default:
			w.Write([]byte(`{}`))
		}
	}))
	defer server.Close()
	before := priceList
	defer func() { priceList = before }()
	priceList = server.URL
	a, err := prices(t.Context(), &stage{Stage: place.Stage{Place: place.Place{Config: aws.Config{Region: "eu-central-1"}}}})
	if err != nil || a.agrees || !strings.Contains(a.seen, "ApiGatewayMessage      $1.14 per million") || !strings.Contains(a.seen, "ApiGatewayMinute       no price") {
		t.Errorf("%v, agrees %t:%s", err, a.agrees, a.seen)
	}
	priceList = server.URL + "/nowhere"
	server.Config.Handler = http.NotFoundHandler()
	if _, err := prices(t.Context(), &stage{}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}

func TestReach(t *testing.T) {
	const address = "wss://abc.execute-api.eu-central-1.amazonaws.com/probe"
	if got := (&stage{}).reach(address); got != address {
		t.Errorf("in an account: %s", got)
	}
	if got := (&stage{Stage: place.Stage{Place: place.Place{Emulator: "http://127.0.0.1:4566"}}}).reach(address); got != "ws://127.0.0.1:4566/_aws/execute-api/abc/probe" {
		t.Errorf("on the local stage: %s", got)
	}
}
