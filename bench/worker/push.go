package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"spillway/bench/run"
)

const (
	// pushers is how many connections push side by side, each a delivery at a time.
	pushers = 64
	// pushesEach is how many deliveries a connection makes.
	pushesEach = 1000
)

// pushRound takes the figures of the push path once.
func (b *bench) pushRound(ctx context.Context) error {
	fmt.Fprintln(b.out, "--- push_path")
	r, err := b.measurePushes(ctx)
	if err != nil {
		return fmt.Errorf("push_path: %w", err)
	}
	b.note("push_path", "worker", r)
	return nil
}

// measurePushes posts wrapped deliveries of 1 KiB to a worker that discards them. They are prepared before, and sent and answered on
// kept connections without an HTTP client, so that it is the worker that is measured.
func (b *bench) measurePushes(ctx context.Context) (r result, err error) {
	b.queues++
	q := &run.Queue{ID: fmt.Sprintf("queue-%d", b.queues)}
	p := worker(filepath.Join(b.programs, "worker"), "--receive=push")
	c, err := p.start(ctx, b.batch100, q, load{outstanding: 1000})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, c.end(p)) }()
	if _, err := pushAll(ctx, c.address, q, pushesEach/10); err != nil { // Connections and buffers are made.
		return r, err
	}
	before, err := c.CPU()
	if err != nil {
		return r, err
	}
	took, err := pushAll(ctx, c.address, q, pushesEach)
	if err != nil {
		return r, err
	}
	after, err := c.CPU()
	if err != nil {
		return r, err
	}
	r = result{messages: pushers * pushesEach, cpu: after - before, rate: pushers * pushesEach / took.Seconds()}
	fmt.Fprintf(b.out, "worker %.0f pushes, %.0f a second, %.2f us each\n", r.messages, r.rate, r.micros())
	return r, nil
}

// pushAll makes n deliveries on every connection and returns how long all of them took.
func pushAll(ctx context.Context, address string, q *run.Queue, n int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, runBound)
	defer cancel()
	request := pushRequest(address, q)
	ended := make(chan error, pushers)
	begin := time.Now()
	for range pushers {
		go func() { ended <- pushEach(ctx, address, request, n) }()
	}
	var err error
	for range pushers {
		if failed := <-ended; failed != nil {
			err = errors.Join(err, failed)
			cancel() // The others have nothing to wait for.
		}
	}
	return time.Since(begin), err
}

// pushRequest is one delivery as it stands on the wire.
func pushRequest(address string, q *run.Queue) []byte {
	body := fmt.Sprintf(`{"message":{"attributes":{"origin":"bench","kind":"offer"},"data":%q,"messageId":"7","message_id":"7",`+
		`"publishTime":"2026-11-22T08:00:00.123Z","publish_time":"2026-11-22T08:00:00.123Z"},"subscription":%q}`,
		base64.StdEncoding.EncodeToString(make([]byte, 1024)), q.Subscription())
	return fmt.Appendf(nil, "POST /push/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		q.ID, address, len(body), body)
}

// pushEach sends the request n times on one connection, each after the answer to the one before.
func pushEach(ctx context.Context, address string, request []byte, n int) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connecting to the worker: %w", err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	answers := bufio.NewReader(conn)
	for range n {
		if _, err := conn.Write(request); err != nil {
			return fmt.Errorf("pushing: %w", err)
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			return fmt.Errorf("reading the answer to a push: %w", err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent {
			return fmt.Errorf("a push was answered %s", resp.Status)
		}
	}
	return nil
}
