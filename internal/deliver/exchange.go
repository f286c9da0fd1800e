package deliver

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
)

// exchange is one request: its context, its body, and what is noticed on its way.
type exchange struct {
	context.Context //nolint:containedctx // It is a context itself, and derived from this one.
	parent          context.Context
	trace           httptrace.ClientTrace
	body            payload     // never read itself, but copied
	processing      atomic.Bool // the target has sent 102
	sent            atomic.Bool // there was a connection, so that the target may have seen the message
}

func newExchange(ctx context.Context, body payload) *exchange {
	x := &exchange{parent: ctx, body: body}
	x.trace.Got1xxResponse, x.trace.GotConn = x.got1xx, x.gotConn
	x.Context = httptrace.WithClientTrace(ctx, &x.trace)
	return x
}

// got1xx notes 102 Processing. Pub/Sub takes it for an ack, but it is never the last answer to an HTTP client: it counts
// when the target then closes without another one.
func (x *exchange) got1xx(code int, _ textproto.MIMEHeader) error {
	if code == http.StatusProcessing {
		x.processing.Store(true)
	}
	return nil
}

func (x *exchange) gotConn(httptrace.GotConnInfo) { x.sent.Store(true) }

// AfterFunc passes on what the handler's context has: the context package then needs no goroutine for a request's own.
func (x *exchange) AfterFunc(f func()) (stop func() bool) {
	if parent, ok := x.parent.(interface {
		AfterFunc(f func()) (stop func() bool)
	}); ok {
		return parent.AfterFunc(f)
	}
	return context.AfterFunc(x.parent, f)
}

// request makes the request from a template.
func (x *exchange) request(template *http.Request, header http.Header) *http.Request {
	req := template.WithContext(x)
	req.Header = header
	if req.ContentLength = x.body.size(); req.ContentLength > 0 {
		req.Body, req.GetBody = x.reader(), x.again
	}
	return req
}

// reader returns the body from its beginning. What is in memory is given as net/http knows it: then it writes the head and the
// body at once, and saves a system call.
func (x *exchange) reader() io.ReadCloser {
	if x.body.inMemory() {
		return io.NopCloser(bytes.NewReader(x.body.data))
	}
	body := x.body
	return &body
}

func (x *exchange) again() (io.ReadCloser, error) { return x.reader(), nil }
