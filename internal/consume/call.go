package consume

import (
	"context"
	"sync"
	"time"

	"spillway/internal/pull"
)

// call is the context of one running handler. It is safe for concurrent use.
type call struct {
	parent   context.Context //nolint:containedctx // It is a context itself, and derived from this one.
	delivery *pull.Delivery
	deadline time.Time

	mu    sync.Mutex
	done  chan struct{} // made when it is first asked for: many handlers never do
	err   error
	after map[*func()]struct{}

	// Guarded by the watch.
	in         *queue
	prev, next *call
	givenUp    bool
}

// Deadline implements context.Context.
func (c *call) Deadline() (time.Time, bool) { return c.deadline, true }

// Value implements context.Context.
func (c *call) Value(key any) any { return c.parent.Value(key) }

// Err implements context.Context.
func (c *call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Done implements context.Context.
func (c *call) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

// AfterFunc calls f when the context is done, unless stop is called before. The context package looks for this method:
// with it, a context that is derived from this one needs no goroutine.
func (c *call) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f() // As the package says; it waits for nothing.
		return func() bool { return false }
	}
	if c.after == nil {
		c.after = map[*func()]struct{}{}
	}
	c.after[&f] = struct{}{}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waits := c.after[&f]
		delete(c.after, &f)
		return waits
	}
}

// cancel ends the context. What AfterFunc holds only passes the end on to derived contexts, so it is called at once.
func (c *call) cancel(why error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = why
	if c.done != nil {
		close(c.done)
	}
	after := c.after
	c.after = nil
	c.mu.Unlock()
	for f := range after {
		(*f)()
	}
}

// queue is a list of calls. Its links are in the calls, so that a call costs one allocation.
type queue struct{ first, last *call }

func (q *queue) push(c *call) {
	c.in, c.prev = q, q.last
	if q.last == nil {
		q.first = c
	} else {
		q.last.next = c
	}
	q.last = c
}

func (q *queue) remove(c *call) {
	if c.prev == nil {
		q.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		q.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.in, c.prev, c.next = nil, nil, nil
}
