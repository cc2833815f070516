package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
)

// save downloads the file that a result links to, and says so.
func (p program) save(ctx context.Context, name string, result json.RawMessage) int {
	f, ok := linked(result)
	if !ok {
		return p.fail(fmt.Errorf("save %s: the last request's result links to no file", name))
	}
	if err := download(ctx, f, name); err != nil {
		return p.fail(fmt.Errorf("save %s: %w", name, err))
	}
	fmt.Fprintf(p.stderr, "saved %s, %s\n", name, size(f.Size))
	return 0
}

// download writes a file whole or not at all.
func download(ctx context.Context, f file, name string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return withoutURL(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the link answered with status %d", answer.StatusCode)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	part, err := os.Create(name + ".part")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name()) // it is gone if all went well
	n, err := io.Copy(part, answer.Body)
	if err := errors.Join(err, part.Close()); err != nil {
		return err
	}
	if n != f.Size {
		return fmt.Errorf("%d bytes came, the result says %d", n, f.Size)
	}
	return os.Rename(part.Name(), name)
}

// withoutURL keeps the link, which is a secret, out of an error.
func withoutURL(err error) error {
	if of, ok := errors.AsType[*url.Error](err); ok {
		return of.Err
	}
	return err
}
