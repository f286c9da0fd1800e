package deliver

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/tracing"
)

const (
	// connectLimit bounds the making of a connection, and the TLS handshake on it. net/http goes on with both after their
	// request was given up: without a limit each message would leave one behind while a target accepts and says nothing.
	connectLimit = 5 * time.Second
	// drainLimit is how much of an answer's body is read, in bytes, and drainTime for how long, so that its connection can be
	// used again; beyond it a new connection is cheaper.
	drainLimit = 64 << 10
	drainTime  = time.Second
	// maxAnswerHeader bounds an answer's header, in bytes.
	maxAnswerHeader = 64 << 10
)

// TargetOptions configures a Target.
type TargetOptions struct {
	// URL is the endpoint, http or https with a host. It may carry a user and a query.
	URL *url.URL
	// Health is asked by Check; nil lets a connection to URL's host count.
	Health *url.URL
	// Format is how messages are sent; empty means Wrapped.
	Format Format
	// Subscription is named in every request.
	Subscription backlog.Subscription
	// EventSource is the CloudEvents source; empty means EventSource(Subscription).
	EventSource string
	// Concurrency is how many connections are kept when idle.
	Concurrency int
	// Tracing makes a span of every request, and names it in the request's headers; nil makes none and adds nothing.
	Tracing *tracing.Tracing
}

// Target posts each message to an HTTP endpoint and reads the verdict from the answer. It is safe for concurrent use.
type Target struct {
	opts      TargetOptions
	writer    *writer
	spans     *spans // nil without
	template  *http.Request
	transport *http.Transport
}

// NewTarget returns a handler that posts to the endpoint. It connects nothing yet.
func NewTarget(o TargetOptions) *Target {
	if o.Format == "" {
		o.Format = Wrapped
	}
	if o.EventSource == "" {
		o.EventSource = EventSource(o.Subscription)
	}
	return &Target{
		opts: o, writer: newWriter(o), spans: newSpans(o.Tracing, o.URL), transport: newTransport(o.Concurrency),
		// Requests are copies of this one. The transport follows no redirect: the message would be handled by someone who was
		// not configured.
		template: &http.Request{
			Method: http.MethodPost, URL: o.URL, Host: o.URL.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		},
	}
}

func newTransport(connections int) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConns: connections, MaxIdleConnsPerHost: connections,
		IdleConnTimeout: 90 * time.Second, DisableCompression: true, MaxResponseHeaderBytes: maxAnswerHeader,
		DialContext: (&net.Dialer{Timeout: connectLimit}).DialContext, TLSHandshakeTimeout: connectLimit,
		ForceAttemptHTTP2: true, // It is off by default beside a DialContext.
	}
}

// Close closes idle connections.
func (t *Target) Close() { t.transport.CloseIdleConnections() }

// Handle implements Handler. The verdict is that of the answer's status, which a body that is slow, broken off or endless
// does not change.
func (t *Target) Handle(ctx context.Context, m *backlog.Message) Verdict {
	body, header := t.writer.write(m)
	span, header := t.spans.begin(ctx, header)
	x := newExchange(ctx, body)
	resp, err := t.transport.RoundTrip(x.request(t.template, header)) //nolint:contextcheck // The exchange is derived from ctx.
	if err != nil {
		v := x.failed(err)
		t.spans.end(span, 0, v)
		return v
	}
	drain(resp)
	v := judge(resp, time.Now())
	t.spans.end(span, resp.StatusCode, v)
	return v
}

// drain reads the body as far as that is cheap and closes it.
func drain(resp *http.Response) {
	defer resp.Body.Close()
	if resp.ContentLength == 0 || resp.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	enough := time.AfterFunc(drainTime, func() { _ = resp.Body.Close() })
	defer enough.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, drainLimit+1) // Beyond the limit the connection ends with the body.
}

// failed is the verdict on a request that brought no answer.
func (x *exchange) failed(err error) Verdict {
	v := Verdict{Result: Nack, Reason: Connection, Unsent: !x.sent.Load()}
	over := x.parent.Err()
	switch {
	case over == nil && x.processing.Load() && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return Verdict{Result: Ack, Reason: OK, Detail: "102"}
	case errors.Is(over, context.DeadlineExceeded) && !v.Unsent:
		v.Reason, v.Detail = Timeout, "no answer in time"
	case errors.Is(over, context.DeadlineExceeded):
		v.Reason, v.Detail = Unreachable, "no connection in time"
	case v.Unsent || isDial(err):
		v.Reason, v.Detail = Unreachable, text(err)
	default:
		v.Detail = text(err)
	}
	return v
}

// isDial says whether no connection could be made, although the message may have been sent on one that broke.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// text is an error's without the URL: that is in the configuration, and may carry a token.
func text(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return err.Error()
}
