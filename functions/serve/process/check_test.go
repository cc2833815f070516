package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/lambda"
)

// A function that works says so; one whose storage is not as it must be says why.
func TestFunctionsTellThatTheyWork(t *testing.T) {
	answers := make(chan cfn.Response, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var r cfn.Response
		if err := json.NewDecoder(req.Body).Decode(&r); err != nil || req.Method != http.MethodPut {
			t.Errorf("%s, %v", req.Method, err)
		}
		answers <- r
	}))
	defer server.Close()
	looks := 0
	works := invocation{
		Handler: lambda.NewHandler(func() error { return errors.New("the handler runs") }), metrics: &flushes{}, log: slog.New(slog.DiscardHandler),
		probes: []Probe{func(context.Context) error { looks++; return nil }},
	}
	unfit := works
	unfit.probes = []Probe{func(context.Context) error { return errors.New("requests table: no index by_user") }}
	const properties, probes = `{"ServiceToken":"arn"}`, `{"ServiceToken":"arn","Probes":"storage"}`
	for _, c := range []struct {
		function            invocation
		request, properties string
		status              cfn.StatusType
		reason, physical    string
		looks               int
	}{
		{works, "Create", properties, cfn.StatusSuccess, "", "RouterStart", 0},
		{works, "Update", probes, cfn.StatusSuccess, "", "before", 1},
		{unfit, "Update", probes, cfn.StatusFailed, "requests table: no index by_user", "before", 0},
		{unfit, "Update", properties, cfn.StatusSuccess, "", "before", 0},
		{unfit, "Delete", probes, cfn.StatusSuccess, "", "before", 0},
	} {
		looks = 0
		before := ""
		if c.request != "Create" {
			before = `"PhysicalResourceId":"before",`
		}
		event := fmt.Sprintf(`{"RequestType":%q,"ResponseURL":%q,"StackId":"s","RequestId":"r",%s"LogicalResourceId":"RouterStart","ResourceType":"Custom::StreamerStart","ResourceProperties":%s}`,
			c.request, server.URL, before, c.properties)
		if out, err := c.function.Invoke(t.Context(), []byte(event)); err != nil || out != nil {
			t.Errorf("%s: %s, err %v", c.request, out, err)
		}
		got := <-answers
		if got.Status != c.status || got.Reason != c.reason || got.PhysicalResourceID != c.physical || got.RequestID != "r" || got.StackID != "s" || looks != c.looks {
			t.Errorf("%s with %s: answered %+v after %d looks", c.request, c.properties, got, looks)
		}
	}
	// What names the program and its settings changes with them alone.
	const settings, sameSettings = `{"Settings":{"Layers":["a"],"Role":"r"}}`, `{"Settings":{"Role":"r","Layers":["a"]},"Code":{"s3Key":"elsewhere"},"Version":"2"}`
	digests := map[string]string{}
	for _, properties := range []string{settings, sameSettings, `{"Settings":{"Layers":["b"],"Role":"r"}}`, `{}`} {
		event := fmt.Sprintf(`{"RequestType":"Update","ResponseURL":%q,"LogicalResourceId":"RouterStart","ResourceType":"Custom::StreamerStart","ResourceProperties":%s}`, server.URL, properties)
		if _, err := works.Invoke(t.Context(), []byte(event)); err != nil {
			t.Error(err)
		}
		digests[properties], _ = (<-answers).Data["Digest"].(string)
	}
	distinct := slices.Compact(slices.Sorted(maps.Values(digests)))
	if len(distinct) != 3 || distinct[0] == "" || digests[settings] != digests[sameSettings] {
		t.Errorf("digests %v", digests)
	}
	// What a client sends is no question of CloudFormation's.
	for _, event := range []string{
		`{"body":"{\"ResourceType\":\"Custom::StreamerStart\"}"}`, `{"ResourceType":"Custom::Other","a":"Custom::StreamerStart"}`, `["Custom::StreamerStart"]`,
	} {
		if _, err := works.Invoke(t.Context(), []byte(event)); err == nil || err.Error() != "the handler runs" {
			t.Errorf("%s: err %v", event, err)
		}
	}
}

// Grants need a while until they are known everywhere.
func TestProbesAreMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 29*time.Second)
		defer cancel()
		began := time.Now()
		late := func(context.Context) error {
			if time.Since(began) < 5*time.Second {
				return errors.New("AccessDenied")
			}
			return nil
		}
		if err := probed(ctx, []Probe{late}); err != nil || time.Since(began) != 6*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		never := func(context.Context) error { return errors.New("AccessDenied") }
		if err := probed(ctx, []Probe{late, never}); err == nil || time.Since(began) > 24*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}
