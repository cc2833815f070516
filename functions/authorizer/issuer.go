package authorizer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// fetchTimeout is what a fetch may take, discovery included: well inside the ten
	// seconds that the function has.
	fetchTimeout = 3 * time.Second
	maxDocument  = 256 * 1024 // bytes; big issuers' key sets have 20 KB
)

// issuer is where keys are fetched from.
type issuer struct {
	name   string
	fixed  string // URL of the key set; empty: the discovery document names it
	found  string // what that named last
	client *http.Client
}

// newIssuer makes no call. keysURL may be empty.
func newIssuer(name, keysURL string) (*issuer, error) {
	i := &issuer{name: name, fixed: keysURL, client: &http.Client{
		// An address that is configured or discovered is the address.
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirects are not followed") },
	}}
	if keysURL != "" {
		if err := safe(keysURL); err != nil {
			return nil, fmt.Errorf("jwks_url %w", err)
		}
	} else if err := safe(name); err != nil {
		return nil, fmt.Errorf("issuer %w: give jwks_url or jwks", err)
	}
	return i, nil
}

// safe refuses addresses whose answers somebody on the way could change.
func safe(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname()))) {
		return fmt.Errorf("%.200q is not an https URL", address)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// keys fetches the key set. It is called once at a time.
func (i *issuer) keys(ctx context.Context) (keys []key, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	at := i.fixed
	if at == "" {
		if at, err = i.discover(ctx); err != nil {
			return nil, err
		}
	}
	set, err := i.get(ctx, at)
	if err == nil {
		if keys, err = parseKeys(set); err != nil {
			err = fmt.Errorf("the answer of %s %w", at, err)
		}
	}
	if err != nil {
		i.found = "" // it may have moved
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	return keys, nil
}

// discover finds the key set by the issuer's discovery document (OpenID Connect
// Discovery 1.0, 4), and remembers it as long as it is good.
func (i *issuer) discover(ctx context.Context) (string, error) {
	if i.found != "" {
		return i.found, nil
	}
	at := strings.TrimSuffix(i.name, "/") + "/.well-known/openid-configuration"
	text, err := i.get(ctx, at)
	if err != nil {
		return "", fmt.Errorf("discover the issuer: %w", err)
	}
	var document struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return "", fmt.Errorf("discover the issuer: the answer of %s: %w", at, err)
	}
	if document.Issuer != i.name { // 4.3: it must be the very same
		return "", fmt.Errorf("discover the issuer: %s is about %.200q, not about %q", at, document.Issuer, i.name)
	}
	if err := safe(document.Keys); err != nil {
		return "", fmt.Errorf("discover the issuer: jwks_uri of %s: %w", at, err)
	}
	i.found = document.Keys
	return i.found, nil
}

func (i *issuer) get(ctx context.Context, at string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := i.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", at, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", at, err)
	}
	if len(body) > maxDocument {
		return nil, fmt.Errorf("the answer of %s has more than %d bytes", at, maxDocument)
	}
	return body, nil
}
