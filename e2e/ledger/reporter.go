package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"spillway/internal/demo"
)

// Reporter reports what an app has handled to a Server. One report per flow is on its way at a time; what is handled
// meanwhile goes into the next one together, so that thousands of messages a second cost a few hundred requests. It is
// safe for concurrent use, and starts no goroutine of its own.
type Reporter struct {
	base   string
	client *http.Client

	mu    sync.Mutex
	work  Work // what the server said last
	flows map[string]*batches
}

// batches are the reports of one flow. Guarded by Reporter.mu.
type batches struct {
	collecting *batch
	last       *batch // the one that was begun last; the next one is sent when it is done
}

// batch is one report. Who began it sends it.
type batch struct {
	body []byte
	done chan struct{} // closed when err is set
	err  error
}

// NewReporter returns a reporter to the server at a URL without path, such as http://10.244.0.1:9900.
func NewReporter(base string, client *http.Client) *Reporter {
	return &Reporter{base: base, client: client, flows: map[string]*batches{}}
}

// Ask asks what the app is to do with a message. It must have succeeded once before Work is believed.
func (r *Reporter) Ask(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+workPath, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking for the work: %w", err)
	}
	if err := r.do(req); err != nil {
		return fmt.Errorf("asking for the work: %w", err)
	}
	return nil
}

// Work is what the server said last, as its answer to Ask or to a report.
func (r *Reporter) Work() Work {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.work
}

// Handled reports a delivery and returns when the server has noted it. ctx only ends the wait: a delivery that is part of
// a report is reported.
func (r *Reporter) Handled(ctx context.Context, flow string, d demo.Delivery) error {
	b, before, began := r.join(flow, d)
	if began {
		if before != nil {
			<-before.done // bounded by the client's time-out
		}
		r.send(context.WithoutCancel(ctx), flow, b)
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// join adds the delivery to the flow's next report. If that begins it, the caller sends it after the one before.
func (r *Reporter) join(flow string, d demo.Delivery) (b, before *batch, began bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.flows[flow]
	if f == nil {
		f = &batches{}
		r.flows[flow] = f
	}
	if began = f.collecting == nil; began {
		before = f.last
		f.collecting = &batch{done: make(chan struct{})}
		f.last = f.collecting
	}
	f.collecting.body = appendLine(f.collecting.body, d)
	return f.collecting, before, began
}

// send ends the collecting and posts the report.
func (r *Reporter) send(ctx context.Context, flow string, b *batch) {
	r.mu.Lock()
	r.flows[flow].collecting = nil
	r.mu.Unlock()
	b.err = r.post(ctx, flow, b.body)
	close(b.done)
}

func (r *Reporter) post(ctx context.Context, flow string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+handledPath+"?flow="+url.QueryEscape(flow), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	if err := r.do(req); err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	return nil
}

// do sends a request and remembers the work, which every answer tells.
func (r *Reporter) do(req *http.Request) error {
	res, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	var w Work
	if err := json.NewDecoder(res.Body).Decode(&w); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.work = w
	return nil
}
