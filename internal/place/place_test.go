package place_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/place"
)

// What is missing is told before anything is done.
func TestNothingIsSet(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	wants := func(text string) {
		t.Helper()
		if _, err := place.Locate(t.Context()); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %s", err, text)
		}
	}
	wants("no region: set AWS_REGION")
	t.Setenv("AWS_REGION", "eu-west-1")
	wants("no credentials: log in")

	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(api.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_ENDPOINT_URL", api.URL)
	wants("log in again")
	if _, err := place.FindStage(t.Context(), ""); !errors.Is(err, outputs.ErrNoFile) {
		t.Errorf("got %v", err)
	}
}

func TestDashboardLink(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1":  "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/D",
		"cn-north-1": "https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1#dashboards/dashboard/D",
	} {
		if got := (place.Place{Config: aws.Config{Region: region}}).Dashboard("D"); got != want {
			t.Errorf("got %s", got)
		}
	}
}
