package outside

import (
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// credentialed is the least that Lambda sets.
var credentialed = map[string]string{"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session"}

// setAll leaves no variable of AWS's in the environment but these, nor a file to look into.
func setAll(t *testing.T, variables ...map[string]string) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	for _, some := range variables {
		for name, value := range some {
			t.Setenv(name, value)
		}
	}
}

// TestConfiguredAsTheSDKWould: what its own loading makes of each variable, this does too.
func TestConfiguredAsTheSDKWould(t *testing.T) {
	bundle := authority(t)
	all := map[string]string{}
	for _, variables := range []map[string]string{
		{},
		{"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-1"},
		{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2"},
		{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
		{"AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "7"},
		{"AWS_DEFAULTS_MODE": "in-region"},
		{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
		{"AWS_ACCOUNT_ID": "123456789012", "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled"},
		{"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required", "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"},
		{"AWS_DISABLE_REQUEST_COMPRESSION": "true", "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "99"},
		{"AWS_SDK_UA_APP_ID": "mine", "AWS_AUTH_SCHEME_PREFERENCE": "sigv4a,sigv4"},
		{"AWS_CA_BUNDLE": bundle},
		{"AWS_S3_USE_ARN_REGION": "true", "AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS": "true"},
		all,
	} {
		setAll(t, credentialed, variables)
		ours, err := configured()
		if err != nil {
			t.Fatalf("%v: %v", variables, err)
		}
		theirs, err := config.LoadDefaultConfig(t.Context())
		if err != nil {
			t.Fatalf("%v: %v", variables, err)
		}
		same(t, variables, ours, theirs)
		if variables["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] == "" {
			maps.Copy(all, variables)
		}
	}
}

// same compares all that a client is made with.
func same(t *testing.T, variables map[string]string, ours, theirs aws.Config) {
	t.Helper()
	for i := range reflect.TypeFor[aws.Config]().NumField() {
		name := reflect.TypeFor[aws.Config]().Field(i).Name
		got, want := reflect.ValueOf(ours).Field(i).Interface(), reflect.ValueOf(theirs).Field(i).Interface()
		switch name {
		case "Credentials":
			a, err1 := ours.Credentials.Retrieve(t.Context())
			b, err2 := theirs.Credentials.Retrieve(t.Context())
			if got, want = a, b; err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
		case "HTTPClient":
			got, want = trusts(ours), trusts(theirs)
			if got.(*x509.CertPool).Equal(want.(*x509.CertPool)) {
				continue
			}
		case "ConfigSources":
			continue // theirs has files and options besides; what comes of them is compared below
		case "Logger", "Interceptors":
			continue // which no variable changes
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %s is %v, the SDK makes %v of it", variables, name, got, want)
		}
	}
	a, b := dynamodb.NewFromConfig(ours).Options(), dynamodb.NewFromConfig(theirs).Options()
	if a.EndpointOptions != b.EndpointOptions || aws.ToString(a.BaseEndpoint) != aws.ToString(b.BaseEndpoint) || a.RetryMode != b.RetryMode || a.Retryer.MaxAttempts() != b.Retryer.MaxAttempts() {
		t.Errorf("%v: a client has %+v, %s, %s and %d attempts, the SDK's %+v, %s, %s and %d", variables,
			a.EndpointOptions, aws.ToString(a.BaseEndpoint), a.RetryMode, a.Retryer.MaxAttempts(),
			b.EndpointOptions, aws.ToString(b.BaseEndpoint), b.RetryMode, b.Retryer.MaxAttempts())
	}
}

// trusts are the authorities that clients trust, nil if they are the system's.
func trusts(cfg aws.Config) *x509.CertPool {
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok || client.GetTransport().TLSClientConfig == nil {
		return nil
	}
	return client.GetTransport().TLSClientConfig.RootCAs
}

// authority is a file with the certificate of a server.
func authority(t *testing.T) (file string) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	file = filepath.Join(t.TempDir(), "authorities.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestConfigurationThatIsWrong(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, variables := range map[string]map[string]string{
		"AWS_ACCESS_KEY_ID":     {"AWS_ACCESS_KEY_ID": ""},
		"AWS_SECRET_ACCESS_KEY": {"AWS_SECRET_ACCESS_KEY": ""},
		"often":                 {"AWS_MAX_ATTEMPTS": "often"},
		"sometimes":             {"AWS_RETRY_MODE": "sometimes"},
		"read AWS_CA_BUNDLE":    {"AWS_CA_BUNDLE": empty + "er"},
		"no certificate":        {"AWS_CA_BUNDLE": empty},
	} {
		setAll(t, credentialed, variables)
		if _, err := configured(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: err is %v, want %s", variables, err, want)
		}
	}
}
