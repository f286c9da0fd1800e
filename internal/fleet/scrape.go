package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// failure is why a scrape failed, with the word that metrics use.
type failure struct {
	reason string
	err    error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func reasonOf(err error) string {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.reason
	}
	return failedConnection
}

var errNowhere = errors.New("nobody knows where its metrics are")

var errSize = fmt.Errorf("the page has more than %d bytes", maxPage)

// buffer holds one page's text.
type buffer struct{ bytes.Buffer }

// scrape reads a worker's page once. One that fails leaves what was read before.
func (f *Fleet) scrape(ctx context.Context, w *worker) {
	ctx, cancel := context.WithTimeout(ctx, f.opts.Timeout)
	defer cancel()
	began := time.Now()
	text, _ := f.buffers.Get().(*buffer) // nothing else is put into it
	text.Reset()
	at, err := f.get(ctx, w.URL, text)
	f.metrics.took(time.Since(began))
	if err == nil {
		if err = w.spare.Parse(text.Bytes()); err != nil {
			err = &failure{failedFormat, err}
		}
	}
	f.buffers.Put(text)
	if w.Err = err; err != nil {
		return
	}
	if w.Page == nil {
		w.Page = &Page{}
	}
	w.At, w.Page, w.spare = at, w.spare, w.Page
	w.Err = complain(w)
}

// get reads a page into text and returns when the worker answered.
func (f *Fleet) get(ctx context.Context, url string, text *buffer) (time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return time.Time{}, &failure{failedConnection, err}
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	req.Header.Set("User-Agent", "spillway-backlog-exporter")
	answer, err := f.client.Do(req)
	if err != nil {
		return time.Time{}, broken(err)
	}
	at := time.Now()
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return time.Time{}, &failure{failedStatus, fmt.Errorf("it answers %s", answer.Status)}
	}
	n, err := text.ReadFrom(io.LimitReader(answer.Body, maxPage+1))
	switch {
	case err != nil:
		return time.Time{}, broken(err)
	case n > maxPage:
		return time.Time{}, &failure{failedSize, errSize}
	}
	return at, nil
}

// broken tells a time-out from other failures of the connection.
func broken(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &failure{failedTimeout, err}
	}
	return &failure{failedConnection, err}
}
