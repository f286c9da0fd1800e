package deliver

import (
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
	fresh           payload // not read yet, to be copied when the request is repeated
	body            payload
	processing      atomic.Bool // the target has sent 102
	sent            atomic.Bool // the body has been read, so that the target may have seen the message
}

func newExchange(ctx context.Context, body payload) *exchange {
	x := &exchange{parent: ctx, fresh: body}
	x.trace.Got1xxResponse = x.got1xx
	x.Context = httptrace.WithClientTrace(ctx, &x.trace)
	x.fresh.read = x.send
	x.body = x.fresh
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

func (x *exchange) send() { x.sent.Store(true) }

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
	req.ContentLength = x.fresh.size()
	if req.ContentLength == 0 {
		x.sent.Store(true) // Nothing will be read of the body.
		return req
	}
	req.Body, req.GetBody = &x.body, x.again
	return req
}

// again returns the body from its beginning.
func (x *exchange) again() (io.ReadCloser, error) {
	body := x.fresh
	return &body, nil
}
