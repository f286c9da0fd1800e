package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"spillway/bench/run"
)

const (
	lookPeriod = 5 * time.Millisecond
	// runBound is how long a run may take to have everything acknowledged.
	runBound = 90 * time.Second
	// quiet is how long a consumer that has opened its stream may still be starting.
	quiet = 300 * time.Millisecond
)

// result is what one run of a consumer came to.
type result struct {
	messages   float64
	cpu        time.Duration // of the process, until the server had the last ack
	mallocs    float64       // likewise
	rate       float64       // messages per second that the server had acks of, over the last nine tenths
	most       int64         // messages seen outstanding at the server
	goroutines float64       // when half was acknowledged
	peak       float64       // bytes resident at the most
}

// less takes the costs of starting away.
func (r result) less(startup result) result {
	r.cpu -= startup.cpu
	r.mallocs -= startup.mallocs
	return r
}

func (r result) micros() float64 { return float64(r.cpu.Nanoseconds()) / 1e3 / r.messages }
func (r result) allocs() float64 { return r.mallocs / r.messages }

// measure lets a program consume n messages that wait for it, or none.
func (b *bench) measure(ctx context.Context, server *run.Server, p program, l load, n int) (r result, err error) {
	b.queues++
	q, err := run.NewQueue(ctx, server.Conn, fmt.Sprintf("queue-%d", b.queues))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, q.Delete(ctx)) }()
	if _, err := q.Fill(ctx, n); err != nil {
		return r, err
	}
	c, err := p.start(ctx, server, q, l)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, c.end(p)) }()
	w := &watch{consumer: c, server: server, n: int64(n)}
	if r, err = w.run(ctx, l.work > 0); err != nil {
		return r, fmt.Errorf("%s: %w", p.name, err)
	}
	fmt.Fprintln(b.out, p.name, r)
	return r, nil
}

// String shows a run as progress.
func (r result) String() string {
	if r.messages == 0 {
		return fmt.Sprintf("starts with %s of processor time and %.0f allocations", r.cpu.Round(time.Millisecond), r.mallocs)
	}
	return fmt.Sprintf("%.0f messages, %.0f a second, %.2f us and %.2f allocations each, %d outstanding, %.0f MiB",
		r.messages, r.rate, r.micros(), r.allocs(), r.most, r.peak/(1<<20))
}

// end stops a consumer that has nothing left to do; one that is not asked to leave profiles is not waited for.
func (c *consumer) end(p program) error {
	if p.graceful {
		return c.Stop()
	}
	return c.Kill()
}

// watch follows one run by what the server says.
type watch struct {
	consumer *consumer
	server   *run.Server
	n        int64
	warm     state // when a tenth was acknowledged
	last     state
	most     int64
	halfway  census
	cpu      time.Duration
}

// run follows a run to its end. Goroutines are counted halfway if they shall be.
func (w *watch) run(ctx context.Context, goroutines bool) (r result, err error) {
	ctx, cancel := context.WithTimeout(ctx, runBound)
	defer cancel()
	if w.n == 0 {
		err = w.untilOpen(ctx)
	} else {
		err = w.untilAcked(ctx, goroutines)
	}
	if err != nil {
		return r, err
	}
	if w.cpu, err = w.consumer.CPU(); err != nil { // before anything else is asked of the consumer
		return r, err
	}
	return w.result(ctx)
}

// state is what the server says of a queue.
type state struct {
	at                          time.Time
	Acked, Outstanding, Streams int64
}

// look asks the server, and is an error when the consumer has ended.
func (w *watch) look(ctx context.Context) error {
	select {
	case <-w.consumer.Ended():
		return errors.New("the program has ended")
	case <-ctx.Done():
		return fmt.Errorf("%d of %d messages are acknowledged: %w", w.last.Acked, w.n, ctx.Err())
	case <-time.After(lookPeriod):
	}
	body, err := get(ctx, "http://"+w.server.Address+"/admin/state")
	if err != nil {
		return err
	}
	at := time.Now()
	var all struct{ Subscriptions []state }
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		return fmt.Errorf("reading the server's state: %w", err)
	}
	if len(all.Subscriptions) != 1 {
		return fmt.Errorf("the server has %d subscriptions", len(all.Subscriptions))
	}
	w.last = all.Subscriptions[0]
	w.last.at = at
	w.most = max(w.most, w.last.Outstanding)
	return nil
}

// untilOpen waits until the consumer has a stream and has come to rest.
func (w *watch) untilOpen(ctx context.Context) error {
	for w.last.Streams == 0 {
		if err := w.look(ctx); err != nil {
			return err
		}
	}
	for begin := time.Now(); time.Since(begin) < quiet; {
		if err := w.look(ctx); err != nil {
			return err
		}
	}
	return nil
}

// untilAcked waits until the server has every ack.
func (w *watch) untilAcked(ctx context.Context, goroutines bool) (err error) {
	for w.last.Acked < w.n {
		if err := w.look(ctx); err != nil {
			return err
		}
		if w.warm.at.IsZero() && w.last.Acked >= w.n/10 {
			w.warm = w.last
		}
		if goroutines && w.halfway == (census{}) && w.last.Acked >= w.n/2 {
			if w.halfway, err = w.consumer.ask(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *watch) result(ctx context.Context) (result, error) {
	at, err := w.consumer.ask(ctx)
	if err != nil {
		return result{}, err
	}
	peak, err := w.consumer.Peak()
	r := result{
		messages: float64(w.n), cpu: w.cpu, mallocs: at.mallocs, most: w.most, goroutines: w.halfway.goroutines, peak: peak,
	}
	if took := w.last.at.Sub(w.warm.at); took > 0 {
		r.rate = float64(w.last.Acked-w.warm.Acked) / took.Seconds()
	}
	return r, err
}
