package constructs_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"

	"github.com/pay-theory/streamer/infra/stages"
)

// cfnLint is where make puts it.
const cfnLint = "../.stage/lint/bin/cfn-lint"

// TestCfnLint checks the templates that are deployed to accounts against CloudFormation's
// own rules.
func TestCfnLint(t *testing.T) {
	if _, err := os.Stat(cfnLint); errors.Is(err, fs.ErrNotExist) {
		if os.Getenv("CI") != "" {
			t.Fatal("cfn-lint is not installed")
		}
		t.Skip("needs cfn-lint, which make test installs")
	}
	files := []string{"../scripts/account/apparatus.yaml"}
	for _, name := range []string{"dev", "prod"} {
		stack, err := stages.Add(newApp(t, map[string]any{"stage": name}), noEnvironment)
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name+".template.json")
		if err := os.WriteFile(file, body, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	// W3005: the CDK itself writes a DependsOn that a reference implies already.
	args := append([]string{"--ignore-checks", "W3005", "--regions", "us-east-1", "--"}, files...)
	if out, err := exec.Command(cfnLint, args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
