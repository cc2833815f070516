package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pay-theory/streamer/internal/contract"
)

// assembly is what the CDK made of a stage.
type assembly struct {
	// bootstrap is the least version of the bootstrap stack that it needs; 0 for none.
	bootstrap int
	template  template
}

// template is as much of a CloudFormation template as is looked at.
type template struct {
	Resources map[string]struct {
		Type           string
		DeletionPolicy string
		Properties     struct {
			Environment  struct{ Variables map[string]json.RawMessage }
			AlarmActions []json.RawMessage
		}
	}
}

// readAssembly reads the stack of a stage in a folder that cdk synth wrote.
func readAssembly(dir, stack string) (assembly, error) {
	var manifest struct {
		Artifacts map[string]struct {
			Type       string `json:"type"`
			Properties struct {
				TemplateFile string `json:"templateFile"`
				Bootstrap    int    `json:"requiresBootstrapStackVersion"`
			} `json:"properties"`
		} `json:"artifacts"`
	}
	if err := readJSON(filepath.Join(dir, "manifest.json"), &manifest); err != nil {
		return assembly{}, err
	}
	artifact, found := manifest.Artifacts[stack]
	if !found || artifact.Type != "aws:cloudformation:stack" {
		return assembly{}, fmt.Errorf("the app makes no stack %s", stack)
	}
	a := assembly{bootstrap: artifact.Properties.Bootstrap}
	return a, readJSON(filepath.Join(dir, artifact.Properties.TemplateFile), &a.template)
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// auth is the authorizer's configuration, "" if there is none.
func (t template) auth() (string, error) {
	for name, r := range t.Resources {
		value, found := r.Properties.Environment.Variables[contract.EnvAuth]
		if !found {
			continue
		}
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return "", fmt.Errorf("%s: %s is no text: %w", name, contract.EnvAuth, err)
		}
		return text, nil
	}
	return "", nil
}

// alarms counts those that there are, and those that tell somebody.
func (t template) alarms() (all, tell int) {
	for _, r := range t.Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		all++
		if len(r.Properties.AlarmActions) > 0 {
			tell++
		}
	}
	return all, tell
}

// kept reports whether a resource stays when its stack goes.
func kept(deletionPolicy string) bool {
	return deletionPolicy == "Retain" || deletionPolicy == "RetainExceptOnCreate"
}
