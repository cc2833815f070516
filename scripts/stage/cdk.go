package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// deployment says what to deploy.
type deployment struct {
	app     string   // as cdk --app; empty: what cdk.json says
	stack   string   // empty: every stack of the app
	context []string // key=value
	args    []string // further arguments of cdk deploy
}

// bootstrapBucket is where the bootstrapped environment keeps assets.
const bootstrapBucket = "cdk-hnb659fds-assets-" + account + "-" + region

// cdk returns a command that runs the CDK CLI against the stage and nothing else.
func cdk(d dir, front string, args ...string) (*exec.Cmd, error) {
	cli, ok := findCLI(d)
	if !ok {
		return nil, fmt.Errorf("no CDK CLI %s", cliVersion)
	}
	cmd := exec.Command(cli, append(args, "--no-notices", "--no-color", "--ci")...)
	cmd.Env = append(environment(awsVariables(front)...),
		"TMPDIR="+d.tmp(), // what a killed app leaves goes with the stage
		// A developer's own profiles have no say here.
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY=127.0.0.1,"+os.Getenv("NO_PROXY"),
		"CDK_DEFAULT_ACCOUNT="+account,
		"CDK_DEFAULT_REGION="+region,
		"CDK_DISABLE_VERSION_CHECK=1",
		"CDK_DISABLE_CLI_TELEMETRY=true",
		"JSII_DEPRECATED=quiet",
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=18,20",
		"JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION=1",
	)
	return cmd, nil
}

// bootstrap makes the CDK bootstrap stack. Its bucket's policy refuses whatever comes
// without TLS, which here is everything, so it is taken off.
func bootstrap(ctx context.Context, d dir, front string, step *step) error {
	cmd, err := cdk(d, front, "bootstrap", "aws://"+account+"/"+region)
	if err != nil {
		return err
	}
	if err := step.command(ctx, cmd); err != nil {
		return err
	}
	if _, err := call(ctx, http.MethodDelete, front+"/"+bootstrapBucket+"?policy", "s3", "", nil); err != nil {
		return fmt.Errorf("take the policy off the bootstrap bucket: %w", err)
	}
	return nil
}

// deploy deploys and writes the outputs to .stage/outputs.json.
func deploy(ctx context.Context, d dir, front string, what deployment, step *step) error {
	local, err := localContext(front)
	if err != nil {
		return err
	}
	args := []string{"deploy", "--require-approval", "never", "--outputs-file", d.outputs(),
		"--output", d.assembly(), "--context", contract.ContextLocal + "=" + local}
	for _, c := range what.context {
		args = append(args, "--context", c)
	}
	if what.app != "" {
		args = append(args, "--app", what.app)
	}
	if what.stack != "" {
		args = append(args, what.stack)
	} else {
		args = append(args, "--all")
	}
	cmd, err := cdk(d, front, append(args, what.args...)...)
	if err != nil {
		return err
	}
	return step.command(ctx, cmd)
}

// localContext is the value of the context key contract.ContextLocal.
func localContext(at string) (string, error) {
	value, err := json.Marshal(struct {
		Endpoint string `json:"endpoint"`
		Issuer   string `json:"issuer"`
		Audience string `json:"audience"`
		JWKSURL  string `json:"jwks_url"`
	}{at, issuer, audience, at + front.KeysPath})
	if err != nil {
		return "", fmt.Errorf("encode the context: %w", err)
	}
	return string(value), nil
}
