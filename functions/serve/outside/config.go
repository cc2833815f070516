package outside

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"

	"github.com/pay-theory/streamer/functions/serve/process"
)

// Config is the configuration of all clients of the process; see configured.
var Config = sync.OnceValue(func() aws.Config {
	cfg, err := configured()
	if err != nil {
		process.Fatal(fmt.Errorf("AWS configuration: %w", err))
	}
	return cfg
})

// configured is the AWS SDK's configuration by the environment alone. All variables count that
// the SDK knows and a Lambda function can use: region and credentials, which Lambda sets,
// AWS_ENDPOINT_URL and that of each service, AWS_RETRY_MODE and AWS_MAX_ATTEMPTS, FIPS and
// dual-stack endpoints, checksums, AWS_CA_BUNDLE, and the others of config.EnvConfig.
//
// config.LoadDefaultConfig would look besides for files, profiles, and credentials from an
// instance, single sign-on, a web identity or another process, of which a function has none:
// its credentials are in the environment (AWS Lambda developer guide, "Defined runtime
// environment variables"). To be able to, it links the clients of four services more: half a
// megabyte and about a tenth of each package, and up to a tenth of a start. The functions that
// package bench compares with load it, as everybody does, and a handler may, too.
func configured() (aws.Config, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return aws.Config{}, err
	}
	if !env.Credentials.HasKeys() {
		return aws.Config{}, errors.New("environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: Lambda sets them")
	}
	cfg := aws.Config{
		Region:           env.Region,
		Credentials:      credentials.StaticCredentialsProvider{Value: env.Credentials},
		RetryMode:        env.RetryMode,
		RetryMaxAttempts: env.RetryMaxAttempts,
		DefaultsMode:     cmp.Or(env.DefaultsMode, aws.DefaultsModeLegacy),
		AppID:            env.AppID,

		AccountIDEndpointMode:       cmp.Or(env.AccountIDEndpointMode, aws.AccountIDEndpointModePreferred),
		AuthSchemePreference:        env.AuthSchemePreference,
		DisableClockSkewCorrection:  aws.ToBool(env.DisableClockSkewCorrection),
		DisableRequestCompression:   aws.ToBool(env.DisableRequestCompression),
		RequestMinCompressSizeBytes: *cmp.Or(env.RequestMinCompressSizeBytes, aws.Int64(10_240)),
		RequestChecksumCalculation:  cmp.Or(env.RequestChecksumCalculation, aws.RequestChecksumCalculationWhenSupported),
		ResponseChecksumValidation:  cmp.Or(env.ResponseChecksumValidation, aws.ResponseChecksumValidationWhenSupported),
		RestrictFilePermissions:     cmp.Or(env.RestrictFilePermissions, aws.RestrictFilePermissionsUserReadWrite),

		ConfigSources: []any{env}, // where clients look for what is theirs alone
		Logger:        logging.NewStandardLogger(os.Stderr),
	}
	if env.BaseEndpoint != "" && !aws.ToBool(env.IgnoreConfiguredEndpoints) {
		cfg.BaseEndpoint = &env.BaseEndpoint
	}
	if env.CustomCABundle != "" {
		cfg.HTTPClient, err = trusting(env.CustomCABundle)
	}
	return cfg, err
}

// trusting is a client that trusts the authorities in a file, and no others.
func trusting(file string) (aws.HTTPClient, error) {
	certificates, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read AWS_CA_BUNDLE: %w", err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(certificates) {
		return nil, fmt.Errorf("AWS_CA_BUNDLE: no certificate is in %s", file)
	}
	return awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		if tr.TLSClientConfig == nil {
			tr.TLSClientConfig = &tls.Config{}
		}
		tr.TLSClientConfig.RootCAs = trusted
	}), nil
}
