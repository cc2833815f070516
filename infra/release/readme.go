package release

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"text/template"
)

//go:embed README.md.tmpl
var readmeText string

var readmeTemplate = template.Must(template.New(readmeFile).Parse(readmeText))

// parameter is one of the template's, as it stands there.
type parameter struct {
	Default     any
	Description string
}

// Standard is what it is unless it is given.
func (p parameter) Standard() string {
	switch p.Default {
	case nil:
		return "required"
	case "":
		return "empty"
	}
	return fmt.Sprintf("`%v`", p.Default)
}

// readme tells how to deploy the release. Its table is the template's own parameters.
func readme(o Options, stack []byte) ([]byte, error) {
	var content struct {
		Parameters map[string]parameter
		Metadata   struct {
			Interface struct {
				ParameterGroups []struct{ Parameters []string }
			} `json:"AWS::CloudFormation::Interface"`
		}
	}
	if err := json.Unmarshal(stack, &content); err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	type row struct {
		Name string
		parameter
	}
	var rows []row
	for _, group := range content.Metadata.Interface.ParameterGroups {
		for _, name := range group.Parameters {
			rows = append(rows, row{name, content.Parameters[name]})
		}
	}
	var out bytes.Buffer
	err := readmeTemplate.Execute(&out, map[string]any{
		"Version": o.Version, "Architecture": *o.Architecture.Name(), "Parameters": rows,
		"Template": TemplateFile, "SBOM": sbomFile, "Sums": sumsFile, "Packages": packages,
	})
	if err != nil {
		return nil, fmt.Errorf("write the README: %w", err)
	}
	return out.Bytes(), nil
}
