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
)

// cfnLint is where make puts it.
const cfnLint = "../.stage/lint/bin/cfn-lint"

// TestCfnLint checks the template of every stage, and a release's, against CloudFormation's
// own rules. Those of the example module are checked by its own tests.
func TestCfnLint(t *testing.T) {
	if _, err := os.Stat(cfnLint); errors.Is(err, fs.ErrNotExist) {
		if os.Getenv("CI") != "" {
			t.Fatal("cfn-lint is not installed")
		}
		t.Skip("needs cfn-lint, which make test installs")
	}
	files := map[string][]string{"account": {"../scripts/account/apparatus.yaml"}}
	for _, name := range stackNames {
		body, err := json.Marshal(assertions.Template_FromStack(deployable(t, name, true), nil).ToJSON())
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name+".template.json")
		if err := os.WriteFile(file, body, 0o600); err != nil {
			t.Fatal(err)
		}
		where := "account"
		if name == "local" {
			where = "local"
		}
		files[where] = append(files[where], file)
	}
	for where, ignored := range map[string][]string{
		"account": {"W3005"},          // the CDK itself writes a DependsOn that a reference implies already
		"local":   {"W3005", "W3037"}, // an action that the emulator alone knows: see localStage.sendMessage
	} {
		args := append([]string{"--regions", "us-east-1", "--ignore-checks"}, ignored...)
		args = append(append(args, "--"), files[where]...)
		if out, err := exec.Command(cfnLint, args...).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}
