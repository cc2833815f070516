package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed requirements.txt
var requirements []byte

// cliVersion is the CDK CLI that reads the assembly of the CDK library in go.mod.
const cliVersion = "2.1148.1"

func (d dir) venvPython() string { return filepath.Join(d.venv(), "bin", "python") }

// venvStamp is what the venv's stamp file holds once all is installed.
func venvStamp() string {
	sum := sha256.Sum256(requirements)
	return hex.EncodeToString(sum[:])
}

// venvReady tells whether the venv holds exactly the pinned requirements.
func (d dir) venvReady() bool {
	stamp, err := os.ReadFile(filepath.Join(d.venv(), "stamp"))
	if err != nil || string(stamp) != venvStamp() {
		return false
	}
	_, err = os.Stat(d.venvPython()) // a link to a Python that may have been removed
	return err == nil
}

// installVenv makes the venv anew.
func installVenv(ctx context.Context, d dir, step *step) error {
	if err := os.RemoveAll(d.venv()); err != nil {
		return fmt.Errorf("remove the old venv: %w", err)
	}
	if err := step.command(ctx, exec.Command("python3", "-m", "venv", d.venv())); err != nil {
		return err
	}
	list := filepath.Join(d.venv(), "requirements.txt")
	if err := os.WriteFile(list, requirements, 0o644); err != nil {
		return fmt.Errorf("write requirements: %w", err)
	}
	pip := exec.Command(d.venvPython(), "-m", "pip", "install",
		"--quiet", "--disable-pip-version-check", "--no-input", "--requirement", list)
	if err := step.command(ctx, pip); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.venv(), "stamp"), []byte(venvStamp()), 0o644)
}

// findCLI returns the pinned CDK CLI of the current directory's node_modules or of
// .stage, whichever is there.
func findCLI(d dir) (path string, ok bool) {
	for _, root := range []string{filepath.Dir(string(d)), d.cli()} {
		modules := filepath.Join(root, "node_modules")
		if packageVersion(filepath.Join(modules, "aws-cdk", "package.json")) == cliVersion {
			return filepath.Join(modules, ".bin", "cdk"), true
		}
	}
	return "", false
}

func packageVersion(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	var manifest struct{ Version string }
	if json.Unmarshal(data, &manifest) != nil {
		return ""
	}
	return manifest.Version
}

// installCLI installs the pinned CDK CLI into .stage.
func installCLI(ctx context.Context, d dir, step *step) error {
	if err := os.MkdirAll(d.cli(), 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	manifest := fmt.Sprintf(`{"private":true,"dependencies":{"aws-cdk":%q}}`+"\n", cliVersion)
	if err := os.WriteFile(filepath.Join(d.cli(), "package.json"), []byte(manifest), 0o644); err != nil {
		return fmt.Errorf("write package.json: %w", err)
	}
	npm := exec.Command("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = d.cli()
	return step.command(ctx, npm)
}
