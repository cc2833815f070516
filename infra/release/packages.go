package release

import (
	"archive/zip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pay-theory/streamer/constructs"
)

// packages is where the deployment packages are.
const packages = "functions"

// function is one of Streamer's own, by the name of its main.
type function string

var functions = []function{"authorizer", "dispatcher", "processor", "reconciler", "router"}

func (f function) importPath() string {
	return "github.com/pay-theory/streamer/functions/cmd/" + string(f)
}

// zip is the function's deployment package, as it is named in the release.
func (f function) zip() string { return packages + "/" + string(f) + ".zip" }

// program is a function that was built.
type program struct {
	function
	info *buildinfo.BuildInfo
	sum  string // the package's SHA-256, in hex
}

// build makes the deployment packages.
func build(dir string, o Options) ([]program, error) {
	temp, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, fmt.Errorf("make a place to build in: %w", err)
	}
	defer os.RemoveAll(temp)
	var built []program
	for _, f := range functions {
		at := filepath.Join(temp, string(f))
		if err := constructs.Build(o.Root, f.importPath(), o.Architecture, at); err != nil {
			return nil, err
		}
		bootstrap := filepath.Join(at, "bootstrap")
		p := program{function: f}
		if p.info, err = buildinfo.ReadFile(bootstrap); err != nil {
			return nil, fmt.Errorf("read what %s is made of: %w", f, err)
		}
		if p.sum, err = pack(filepath.Join(dir, f.zip()), bootstrap); err != nil {
			return nil, err
		}
		built = append(built, p)
	}
	return built, nil
}

// pack writes a deployment package with a program in it, and returns its SHA-256.
func pack(file, bootstrap string) (sum string, err error) {
	fail := func(err error) (string, error) { return "", fmt.Errorf("pack %s: %w", filepath.Base(file), err) }
	content, err := os.ReadFile(bootstrap)
	if err != nil {
		return fail(err)
	}
	out, err := os.Create(file)
	if err != nil {
		return fail(err)
	}
	defer out.Close()
	archive := zip.NewWriter(out)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate} // of no time
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return fail(err)
	}
	if _, err := entry.Write(content); err != nil {
		return fail(err)
	}
	if err := archive.Close(); err != nil {
		return fail(err)
	}
	if err := out.Close(); err != nil {
		return fail(err)
	}
	packed, err := os.ReadFile(file)
	if err != nil {
		return fail(err)
	}
	hash := sha256.Sum256(packed)
	return hex.EncodeToString(hash[:]), nil
}
