package httpload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"spillway/internal/lifecycle"
	"spillway/internal/terminal"
)

// bodyLimit is how much of an answer is read; what is longer ends with its connection.
const bodyLimit = 10 << 20

// App is one run.
type App struct {
	opts      Options
	transport http.RoundTripper
	idle      func() // Closes the connections that are left.
	out       io.Writer
	progress  io.Writer
	results   *results
}

// New checks the options. The result is written to out and the progress, which is for people, to progress.
func New(opts Options, out, progress io.Writer) (*App, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableCompression: true, DisableKeepAlives: !opts.KeepAlive,
		MaxIdleConnsPerHost: opts.Concurrency, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: opts.Timeout,
	}
	return &App{opts: opts, transport: transport, idle: transport.CloseIdleConnections, out: out, progress: progress, results: newResults()}, nil
}

// Run sends requests until the duration is over or ctx is done, which is no error, waits for those on their way, at most the
// timeout, and prints the result. It ends at once if nothing answers from the start. It is called once. The error says how many
// requests failed or were not sent.
func (a *App) Run(ctx context.Context) error {
	defer a.idle()
	begin := time.Now()
	showing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var show sync.WaitGroup
	show.Go(func() {
		terminal.Progress(showing, a.progress, func(now time.Time) string {
			return a.results.line(now.Sub(begin), dueAfter(a.opts, now.Sub(begin)))
		})
	})
	due, took := a.send(ctx, begin)
	stop()
	show.Wait()
	if err := a.results.hopeless(); err != nil {
		return fmt.Errorf("%s: nothing answers there: %w; start the server, or see whether the address is right from here", a.opts.URL, err)
	}
	if _, err := io.WriteString(a.out, a.results.summary(due, took)); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return a.results.verdict(due)
}

// dueAfter is how many requests are due once a run has lasted elapsed.
func dueAfter(opts Options, elapsed time.Duration) int64 {
	if opts.Duration > 0 {
		elapsed = min(elapsed, opts.Duration)
	}
	return int64(math.Ceil(opts.Rate * elapsed.Seconds()))
}

// dueAt is when request number i is due, after the beginning.
func dueAt(opts Options, i int64) time.Duration {
	return time.Duration(float64(i) / opts.Rate * float64(time.Second))
}

// send sends every request when it is due and a slot is free. It returns how many were due, and within what time, after the last
// answer.
func (a *App) send(ctx context.Context, begin time.Time) (due int64, took time.Duration) {
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	if a.opts.Duration > 0 {
		sending, cancel = context.WithDeadline(sending, begin.Add(a.opts.Duration))
		defer cancel()
	}
	var requests sync.WaitGroup
	defer requests.Wait()
	slots := make(chan struct{}, a.opts.Concurrency)
	for i := int64(0); ; i++ {
		at := begin.Add(dueAt(a.opts, i))
		if a.opts.Duration > 0 && dueAt(a.opts, i) >= a.opts.Duration || !until(sending, at) {
			return i, time.Since(begin)
		}
		if !take(sending, slots) {
			took := time.Since(begin)
			return dueAfter(a.opts, took), took
		}
		a.results.send()
		requests.Go(func() {
			defer func() { <-slots }()
			a.request(ctx, at)
			if a.results.hopeless() != nil {
				cancel()
			}
		})
	}
}

// until waits until at. It is false if ctx ended before; an instant that has passed is not waited for, so that a machine that was
// busy elsewhere at the end loses no request.
func until(ctx context.Context, at time.Time) bool {
	pause := time.Until(at)
	if pause <= 0 {
		return !errors.Is(ctx.Err(), context.Canceled)
	}
	return lifecycle.Sleep(ctx, pause)
}

// take takes a slot. It is false if none was free until ctx ended.
func take(ctx context.Context, slots chan<- struct{}) bool {
	select {
	case slots <- struct{}{}:
		return true
	default:
	}
	select {
	case <-ctx.Done():
		return false
	case slots <- struct{}{}:
		return true
	}
}

// request sends one request that was due at a time, and counts its end. It is not cut short by the end of ctx: what was sent is
// waited for, within the timeout.
func (a *App) request(ctx context.Context, at time.Time) {
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.opts.Timeout)
	defer cancel()
	sent := time.Now()
	status, err := a.exchange(call)
	if err != nil {
		a.results.fail(kind(call, err), err)
		return
	}
	now := time.Now()
	a.results.answer(status, now.Sub(at), now.Sub(sent))
}

// exchange sends a request and reads its answer. Redirects are answers.
func (a *App) exchange(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, a.opts.Method, a.opts.URL, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", "spillway-load")
	answer, err := a.transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, bodyLimit))
	_ = answer.Body.Close()
	return answer.StatusCode, err
}

// kind tells apart why there was no answer.
func kind(call context.Context, err error) string {
	if call.Err() != nil {
		return failTimeout
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return failConnect
	}
	return failBroken
}
