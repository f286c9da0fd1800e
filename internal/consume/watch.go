package consume

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spillway/internal/pull"
)

// watch bounds the time of every running handler, and knows those that ignore it. One goroutine watches all, because they
// share one limit: whoever began first is due first. A context with a timer of its own for each message would cost four
// allocations more.
type watch struct {
	limit time.Duration
	stuck prometheus.Gauge // handlers that were given up

	mu      sync.Mutex
	spare   []call
	running queue     // in the order of their deadlines
	overdue queue     // cancelled, and still running
	last    time.Time // when a handler last ended, or began while none ran
}

// begin returns the context of the handler that is given d at now: done at the limit, or with parent.
func (w *watch) begin(parent context.Context, d *pull.Delivery, now time.Time) *call {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.next()
	c.parent, c.delivery, c.deadline = parent, d, now.Add(w.limit)
	if w.running.first == nil && w.overdue.first == nil {
		w.last = now
	}
	if parent.Err() != nil { // run has ended, or is about to.
		err := parent.Err()
		c.over.Store(&err)
		w.overdue.push(c)
		return c
	}
	w.running.push(c)
	return c
}

// next returns a call that was never used. They are made many at a time, which costs less than each by itself. The lock is
// held.
func (w *watch) next() *call {
	if len(w.spare) == 0 {
		w.spare = make([]call, 32)
	}
	c := &w.spare[0]
	w.spare = w.spare[1:]
	return c
}

// end notes that a handler has returned at now, ends what it derived from its context, and reports whether it was given
// up before: then its message is settled.
func (w *watch) end(c *call, now time.Time) (stuck bool) {
	w.mu.Lock()
	w.last = now
	c.in.remove(c)
	c.delivery = nil
	if stuck = c.givenUp; stuck {
		w.stuck.Dec()
	}
	w.mu.Unlock()
	c.cancel(&context.Canceled)
	return stuck
}

// run cancels handlers at their deadlines until parent is done, and then all that are left.
func (w *watch) run(parent context.Context) {
	timer := time.NewTimer(w.limit)
	defer timer.Stop()
	for {
		select {
		case <-parent.Done():
			w.expire(time.Now().Add(w.limit), parent.Err())
			return
		case <-timer.C:
			timer.Reset(w.expire(time.Now(), context.DeadlineExceeded))
		}
	}
}

// expire cancels what is due at now and returns how long it is until the next may be.
func (w *watch) expire(now time.Time, why error) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := w.running.first; c != nil; c = w.running.first {
		if wait := c.deadline.Sub(now); wait > 0 {
			return wait
		}
		w.running.remove(c)
		w.overdue.push(c)
		c.cancel(&why)
	}
	return w.limit
}

// giveUp returns the messages of handlers that run on although their time was over stuckMargin before now, or of all that
// run; each once. Such a handler keeps its slot.
func (w *watch) giveUp(now time.Time, all bool) (stuck []*pull.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	queues := []*queue{&w.overdue}
	if all {
		queues = append(queues, &w.running)
	}
	for _, q := range queues {
		for c := q.first; c != nil; c = c.next {
			if !c.givenUp && (all || now.Sub(c.deadline) > stuckMargin) {
				c.givenUp = true
				w.stuck.Inc()
				stuck = append(stuck, c.delivery)
			}
		}
	}
	return stuck
}

// check returns an error when the worker is wedged at now: handlers run, and none has ended for longer than any may take.
// Idle is healthy.
func (w *watch) check(now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	silent := now.Sub(w.last)
	if w.running.first == nil && w.overdue.first == nil || silent <= w.limit+stuckMargin {
		return nil
	}
	return fmt.Errorf("handlers run and none has ended for %s", silent.Round(time.Second))
}
