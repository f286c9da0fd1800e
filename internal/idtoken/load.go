package idtoken

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// CheckSource returns what is wrong with a source of keys that can be told without the network, or nil: a URL must have a host,
// a file must hold keys.
func CheckSource(source string) error {
	if !isURL(source) {
		_, _, err := loadFile(source)
		return err
	}
	if u, err := url.Parse(source); err != nil || u.Hostname() == "" {
		return errors.New("the URL has no host")
	}
	return nil
}

func isURL(source string) bool {
	return strings.HasPrefix(source, "https://") || strings.HasPrefix(source, "http://")
}

// load reads the keys and how long they may be kept.
func load(ctx context.Context, source string) (keys map[string]crypto.PublicKey, keep time.Duration, err error) {
	if isURL(source) {
		return fetch(ctx, source)
	}
	return loadFile(source)
}

// loadFile reads keys from a file. It is read again as often as a URL that says nothing: a mounted secret changes.
func loadFile(path string) (map[string]crypto.PublicKey, time.Duration, error) {
	f, err := os.Open(path) //nolint:gosec // The path is the operator's.
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }()
	document, err := io.ReadAll(io.LimitReader(f, maxKeys+1))
	if err != nil {
		return nil, 0, err
	}
	keys, err := parseKeys(document)
	return keys, minKeep, err
}

// fetch reads keys from a URL, without following redirects: they would be somebody else's keys.
func fetch(ctx context.Context, source string) (map[string]crypto.PublicKey, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, http.NoBody)
	if err != nil {
		return nil, 0, errors.New("the URL of the keys is not one")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "spillway-worker")
	req.Close = true // Nobody asks again for hours.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		// The URL is left out: it may carry a secret.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, 0, fmt.Errorf("fetching the keys: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("fetching the keys: the server answered %d", resp.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(resp.Body, maxKeys+1))
	if err != nil {
		return nil, 0, fmt.Errorf("fetching the keys: %w", err)
	}
	keys, err := parseKeys(document)
	return keys, keepFor(resp.Header.Get("Cache-Control")), err
}

// keepFor reads max-age from a Cache-Control header.
func keepFor(header string) time.Duration {
	for directive := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if seconds, err := strconv.ParseUint(value, 10, 31); err == nil && strings.EqualFold(name, "max-age") {
			return min(max(time.Duration(seconds)*time.Second, minKeep), maxKeep)
		}
	}
	return defaultKeep
}
