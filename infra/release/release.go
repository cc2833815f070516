package release

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
)

// Options say what to release. Root and Version are required.
type Options struct {
	// Root is the directory of Streamer's own module.
	Root string
	// Version names the release, "v1.2.3".
	Version string
	// Architecture is that of the functions. Default ARM_64.
	Architecture awslambda.Architecture
}

func (o Options) withDefaults() Options {
	if o.Architecture == nil {
		o.Architecture = awslambda.Architecture_ARM_64()
	}
	return o
}

// Names of the files.
const (
	TemplateFile = "streamer.template.json"
	sbomFile     = "sbom.cdx.json"
	sumsFile     = "SHA256SUMS"
	readmeFile   = "README.md"
)

// Make writes a release into dir, which it makes.
func Make(dir string, o Options) error {
	o = o.withDefaults()
	if err := os.MkdirAll(filepath.Join(dir, packages), 0o755); err != nil {
		return fmt.Errorf("make a place for the release: %w", err)
	}
	template, err := Template(o)
	if err != nil {
		return err
	}
	built, err := build(dir, o)
	if err != nil {
		return err
	}
	sbom, err := sbom(o, built)
	if err != nil {
		return err
	}
	readme, err := readme(o, template)
	if err != nil {
		return err
	}
	files := map[string][]byte{TemplateFile: template, sbomFile: sbom, readmeFile: readme}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("write the release: %w", err)
		}
	}
	names := []string{readmeFile, sbomFile, TemplateFile}
	for _, f := range functions {
		names = append(names, f.zip())
	}
	return writeSums(dir, names)
}

// writeSums writes the files' checksums, as sha256sum --check reads them.
func writeSums(dir string, names []string) error {
	var sums strings.Builder
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("sum up the release: %w", err)
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), name)
	}
	if err := os.WriteFile(filepath.Join(dir, sumsFile), []byte(sums.String()), 0o644); err != nil {
		return fmt.Errorf("write the release: %w", err)
	}
	return nil
}
