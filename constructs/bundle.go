package constructs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/jsii-runtime-go"
)

// mainOf is the import path of one of Streamer's own functions.
func mainOf(name string) string { return "github.com/pay-theory/streamer/functions/cmd/" + name }

// goarch is what Go calls an architecture of Lambda's.
func goarch(a awslambda.Architecture) string {
	if *a.Name() == *awslambda.Architecture_X86_64().Name() {
		return "amd64"
	}
	return "arm64"
}

// Build compiles a package main of the module in dir for Lambda, to outputDir/bootstrap, as
// the constructs do: for whoever makes a ready-made FunctionProps.Code of it. Equal sources
// give equal bytes, wherever they lie.
func Build(dir, importPath string, architecture awslambda.Architecture, outputDir string) error {
	return (&binary{importPath: importPath, goos: "linux", goarch: goarch(architecture)}).build(dir, outputDir)
}

// binary is a package main and what to build it for.
type binary struct {
	importPath, goos, goarch string

	failure error // of the build
}

// code is the deployment package of b. It is built when the stack is synthesized, and
// its hash is that of the built bytes: unchanged code is no change to deploy.
func (b *binary) code() awslambda.Code {
	return awslambda.Code_FromAsset(jsii.String("."), &awss3assets.AssetOptions{
		AssetHashType: awscdk.AssetHashType_OUTPUT,
		Bundling:      b.bundling(),
	})
}

func (b *binary) bundling() *awscdk.BundlingOptions {
	return &awscdk.BundlingOptions{
		Local: b,
		Image: awscdk.DockerImage_FromRegistry(jsii.String("never-used")),
		// Never run. The CDK caches assets by their options, to which Local adds nothing:
		// without a Command of its own, each function would get the first one's binary.
		Command: jsii.Strings("go", "build", b.importPath, b.goos, b.goarch),
	}
}

// TryBundle builds b into outputDir. A failure is kept, for newFunction to report as
// the CDK reports errors: a panic here would show users the stacks of two languages.
// It never returns false, with which the CDK would try Docker.
func (b *binary) TryBundle(outputDir *string, _ *awscdk.BundlingOptions) *bool {
	b.failure = b.build(".", *outputDir)
	if b.failure != nil {
		// An asset must hold something. The error keeps it from being deployed.
		b.failure = errors.Join(b.failure, os.WriteFile(filepath.Join(*outputDir, "bootstrap"), nil, 0o600))
	}
	return jsii.Bool(true)
}

// build compiles b, as seen from the module in dir, to outputDir/bootstrap. Equal
// sources give equal bytes, wherever they lie.
func (b *binary) build(dir, outputDir string) error {
	outputDir, err := filepath.Abs(outputDir)
	if err != nil {
		return fmt.Errorf("build %s: %w", b.importPath, err)
	}
	cmd := exec.Command("go", "build",
		"-trimpath",             // no directories in the bytes
		"-buildvcs=false",       // no commit either
		"-tags", "lambda.norpc", // leaves out a protocol that this runtime has not
		"-ldflags", "-s -w -buildid=",
		"-o", filepath.Join(outputDir, "bootstrap"), b.importPath)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+b.goos, "GOARCH="+b.goarch)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("build %s for %s/%s: %w\n%s%s", b.importPath, b.goos, b.goarch, err, output, hint(string(output)))
	}
	return nil
}

// hint tells what to do about an error that most users meet once.
func hint(output string) string {
	if strings.Contains(output, "missing go.sum entry") || strings.Contains(output, "no required module provides package") {
		return "The functions are built in your module: run go mod tidy in it.\n"
	}
	return ""
}
