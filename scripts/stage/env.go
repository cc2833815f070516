package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/pay-theory/streamer/internal/contract"
)

// socketVariable has the URL of the deployed WebSocket API.
const socketVariable = "STREAMER_WS_URL"

// stageVariables returns what points AWS SDKs, the AWS CLI and our clients at the
// stage, as NAME=value.
func stageVariables(d dir, front string) ([]string, error) {
	socket, err := socketURL(d, front)
	if err != nil {
		return nil, err
	}
	vars := awsVariables(front)
	if socket != nil {
		callback := url.URL{Scheme: "http", Host: socket.Host, Path: socket.Path}
		vars = append(vars, contract.EnvCallbackEndpoint+"="+callback.String(), socketVariable+"="+socket.String())
	}
	return append(vars, "STREAMER_OUTPUTS="+d.outputs(), "STREAMER_TOKEN_KEY="+d.key(), "STREAMER_TRACE_FILE="+d.traces()), nil
}

// socketURL returns where on the front the deployed WebSocket API is, or nil if no
// stack has the output for it. An address of AWS's kind, wss://<api>.<domain>/<stage>,
// becomes the front's for that API.
func socketURL(d dir, front string) (*url.URL, error) {
	data, err := os.ReadFile(d.outputs())
	if err != nil {
		return nil, fmt.Errorf("read the outputs: %w", err)
	}
	var stacks map[string]map[string]string
	if err := json.Unmarshal(data, &stacks); err != nil {
		return nil, fmt.Errorf("read the outputs %s: %w", d.outputs(), err)
	}
	at, err := url.Parse(front)
	if err != nil {
		return nil, fmt.Errorf("read the front's address: %w", err)
	}
	for _, outputs := range stacks {
		value, ok := outputs[contract.OutputWebSocketURL]
		if !ok {
			continue
		}
		u, err := url.Parse(value)
		if err != nil {
			return nil, fmt.Errorf("read output %s: %w", contract.OutputWebSocketURL, err)
		}
		if api, _, ok := strings.Cut(u.Host, ".execute-api."); ok {
			u.Path = "/_aws/execute-api/" + api + u.Path
		}
		u.Scheme, u.Host = "ws", at.Host
		return u, nil
	}
	return nil, nil
}

// writeEnv writes .stage/env: the variables as lines that a shell reads.
func writeEnv(d dir, vars []string) error {
	var b strings.Builder
	for _, v := range slices.Sorted(slices.Values(vars)) {
		name, value, _ := strings.Cut(v, "=")
		fmt.Fprintf(&b, "export %s=%s\n", name, quoted(value))
	}
	if err := replaceFile(d.env(), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("write .stage/env: %w", err)
	}
	return nil
}

// quoted returns value as one word of a shell: bare where that is safe, so that make
// can include the file too.
func quoted(value string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/:._-", r)
	}
	if strings.IndexFunc(value, func(r rune) bool { return !plain(r) }) < 0 {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
