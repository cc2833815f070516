package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// std is the Go release among modules.
const std = "std"

// known is the part of a file, in percent, that must be the text of known licences for it to be
// believed.
const known = 75

// licences finds those of each module that the programs are made of, as SPDX ids, by the files
// that the module comes with. A module without one that is known is an error: what is not
// known may not be passed on.
func licences(o Options, built []program) (map[string][]string, error) {
	dirs, err := moduleDirs(o.Root)
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, p := range built {
		for _, m := range p.modules() {
			if found[m.Path] != nil {
				continue
			}
			if dirs[m.Path] == "" {
				return nil, fmt.Errorf("find the licence of %s: it is not among the modules of %s", m.Path, o.Root)
			}
			if found[m.Path], err = licencesIn(dirs[m.Path]); err != nil {
				return nil, fmt.Errorf("find the licence of %s: %w", m.Path, err)
			}
		}
	}
	return found, nil
}

// moduleDirs are where the modules that programs at root may be made of lie.
func moduleDirs(root string) (map[string]string, error) {
	goroot, err := output(root, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	list, err := output(root, "go", "list", "-m", "-json", "all")
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{std: strings.TrimSpace(string(goroot))}
	for dec := json.NewDecoder(bytes.NewReader(list)); ; {
		var m struct{ Path, Dir string }
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			return dirs, nil
		} else if err != nil {
			return nil, fmt.Errorf("list modules: %w", err)
		}
		dirs[m.Path] = m.Dir
	}
}

func output(dir, program string, arguments ...string) ([]byte, error) {
	cmd := exec.Command(program, arguments...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, exit.Stderr)
	}
	return out, err
}

func licencesIn(dir string) (ids []string, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		name := strings.ToUpper(file.Name())
		if file.IsDir() || !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return nil, err
		}
		if cover := licensecheck.Scan(text); cover.Percent >= known {
			for _, match := range cover.Match {
				ids = append(ids, match.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("no file in %s is a licence that is known", dir)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}
