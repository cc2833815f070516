package front

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestKeysAreReplacedForAWhile(t *testing.T) {
	_, server := newFront(t, http.NotFoundHandler())
	ask := func(method, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(testContext(t), method, server.URL+KeysPath, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	for _, step := range []struct {
		method, body string
		status       int
		want         string // what is published then
	}{
		{http.MethodGet, "", 200, ownKeys},
		{http.MethodPut, `{"keys":[{"kid":"own"},{"kid":"new"}],"more":1}`, 200, `{"keys":[{"kid":"own"},{"kid":"new"}]}`},
		{http.MethodPut, `keys`, 400, `{"keys":[{"kid":"own"},{"kid":"new"}]}`},
		{http.MethodPut, `{"keys":[]}`, 200, `{"keys":[]}`},
		{http.MethodDelete, "", 200, ownKeys},
	} {
		if status, text := ask(step.method, step.body); status != step.status {
			t.Errorf("%s %s: status %d, %s", step.method, step.body, status, text)
		}
		if _, text := ask(http.MethodGet, ""); text != step.want {
			t.Errorf("after %s %s: %s is published, want %s", step.method, step.body, text, step.want)
		}
	}
}
