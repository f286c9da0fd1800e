package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// checkLimit bounds one look at the target.
const checkLimit = 3 * time.Second

// Check returns nil when the target seems able to take messages: its health URL answers 200 to 299, or, without one, a
// connection to it can be made. It always makes a new connection, as a message would have to after an outage.
func (t *Target) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	if t.opts.Health != nil {
		return ask(ctx, t.opts.Health)
	}
	return connect(ctx, t.opts.URL)
}

func ask(ctx context.Context, health *url.URL) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, health.String(), http.NoBody)
	if err != nil {
		return errors.New("the health URL makes no request") // Its own error may show what is secret in it.
	}
	req.Header.Set("User-Agent", userAgent)
	if health.User != nil {
		req.Header.Set("Authorization", basicAuth(health.User))
	}
	transport := newTransport(1)
	transport.DisableKeepAlives = true
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("asking for the target's health: %s", text(err)) // Not the error itself: it may show the URL.
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the target's health is %d", resp.StatusCode)
	}
	return nil
}

// connect makes a connection to the host of a URL, or to the proxy before it.
func connect(ctx context.Context, endpoint *url.URL) error {
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: endpoint}); err == nil && proxy != nil {
		endpoint = proxy
	}
	port := cmp.Or(endpoint.Port(), map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[endpoint.Scheme])
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(endpoint.Hostname(), port))
	if err != nil {
		return fmt.Errorf("connecting to the target: %w", err)
	}
	return conn.Close()
}
