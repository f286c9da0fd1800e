package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// askers is how many requests are under way at a time at most: many autoscalers, one controller.
const askers = 16

// client asks as the autoscaler's controller does, over one connection of HTTP/2.
type client struct {
	base      string
	http      *http.Client
	transport *http.Transport
	next      atomic.Int64
}

func newClient(addr string, c *cluster) *client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.authority())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	return &client{base: "https://" + addr, http: &http.Client{Transport: transport, Timeout: 10 * time.Second}, transport: transport}
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// ask reads one subscription's backlog.
func (c *client) ask(ctx context.Context, i int) error {
	url := c.base + "/apis/external.metrics.k8s.io/v1beta1/namespaces/web/pubsub.googleapis.com%7Csubscription%7Cnum_undelivered_messages?labelSelector=resource.labels.subscription_id%3D" + id(i)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer hpa")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("asking for %s: %s: %s", id(i), resp.Status, body)
	}
	return nil
}

// ready waits until the last subscription is known, and a few others.
func (c *client) ready(ctx context.Context) error {
	for _, i := range []int{0, subscriptions / 2, subscriptions - 1} {
		for {
			err := c.ask(ctx, i)
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return errors.Join(ctx.Err(), err)
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
	return nil
}

// result is what became of a run.
type result struct {
	took    []time.Duration
	elapsed time.Duration
}

func (r *result) perSecond() float64 { return float64(len(r.took)) / r.elapsed.Seconds() }

// p99 is in milliseconds.
func (r *result) p99() float64 {
	slices.Sort(r.took)
	return float64(r.took[len(r.took)*99/100].Microseconds()) / 1000
}

// run asks for so many a second, or for as many as there can be, for a while. A request that waits for its turn is late
// from when it was due.
func (c *client) run(ctx context.Context, rate int, window time.Duration) (*result, error) {
	var mu sync.Mutex
	var failure error
	r := &result{}
	begin := time.Now()
	var due atomic.Int64
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			for ctx.Err() == nil {
				at := time.Now()
				if rate > 0 {
					at = begin.Add(time.Duration(due.Add(1)) * time.Second / time.Duration(rate))
					select {
					case <-ctx.Done():
						return
					case <-time.After(time.Until(at)):
					}
				}
				if at.Sub(begin) > window {
					return
				}
				err := c.ask(ctx, int(c.next.Add(1))%subscriptions)
				took := time.Since(at)
				mu.Lock()
				failure = errors.Join(failure, err)
				r.took = append(r.took, took)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	r.elapsed = time.Since(begin)
	if failure == nil && len(r.took) == 0 {
		failure = ctx.Err()
	}
	return r, failure
}

func freeAddress(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}
