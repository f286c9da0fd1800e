package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"sync/atomic"
	"time"

	"spillway/internal/backlog"
)

// drainLimit is how much of an answer's body is read so that its connection can be used again; beyond it a new
// connection is cheaper.
const drainLimit = 64 << 10

// connectLimit bounds the making of a connection, and the TLS handshake on it. net/http goes on with both after their
// request was given up: without a limit each message would leave one behind while a target accepts and says nothing.
const connectLimit = 5 * time.Second

// Target posts each message to an HTTP endpoint in Pub/Sub's wrapped push format and reads the verdict from the answer.
type Target struct {
	url          string
	subscription backlog.Subscription
	client       *http.Client
}

// NewTarget returns a handler that posts to endpoint. It keeps up to concurrency idle connections.
func NewTarget(endpoint *url.URL, subscription backlog.Subscription, concurrency int) *Target {
	return &Target{url: endpoint.String(), subscription: subscription, client: &http.Client{
		// A redirect is not followed: the message would be handled by someone who was not configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConns: concurrency, MaxIdleConnsPerHost: concurrency,
			IdleConnTimeout: 90 * time.Second, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			DialContext: (&net.Dialer{Timeout: connectLimit}).DialContext, TLSHandshakeTimeout: connectLimit,
			ForceAttemptHTTP2: true, // It is off by default beside a DialContext.
		},
	}}
}

// Close closes idle connections.
func (t *Target) Close() { t.client.CloseIdleConnections() }

// Handle implements Handler.
func (t *Target) Handle(ctx context.Context, m *backlog.Message) Verdict {
	body, err := wrap(m, t.subscription)
	if err != nil {
		return Verdict{Result: Nack, Reason: Error, Detail: fmt.Sprintf("encoding: %v", err)}
	}
	var processing atomic.Bool
	req, err := http.NewRequestWithContext(watch102(ctx, &processing), http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return Verdict{Result: Nack, Reason: Error, Detail: fmt.Sprintf("making the request: %v", err)}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "spillway-worker")
	// An empty key is not sent, but tells net/http that the request may be repeated when a kept connection turns out to be
	// closed. A nack would repeat it too, and cost a delivery attempt.
	req.Header["Idempotency-Key"] = []string{}
	resp, err := t.client.Do(req)
	if err != nil {
		if processing.Load() && ctx.Err() == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
			return Verdict{Result: Ack, Reason: OK, Detail: "102"}
		}
		return failed(ctx, err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, drainLimit)
	return judge(resp, time.Now())
}

// watch102 notes whether the target sent 102 Processing. Pub/Sub takes it for an ack, but it is never the last answer
// to an HTTP client: it counts when the target then closes without another one.
func watch102(ctx context.Context, seen *atomic.Bool) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
			seen.Store(seen.Load() || code == http.StatusProcessing)
			return nil
		},
	})
}

// failed is the verdict on a call that brought no answer.
func failed(ctx context.Context, err error) Verdict {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return Verdict{Result: Nack, Reason: Timeout, Detail: "no answer in time"}
	}
	// The URL is left out: it is in the configuration, and may carry a token.
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return Verdict{Result: Nack, Reason: Error, Detail: err.Error()}
}
