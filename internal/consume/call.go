package consume

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"spillway/internal/pull"
)

// call is the context of one running handler. It is safe for concurrent use.
type call struct {
	parent   context.Context //nolint:containedctx // It is a context itself, and derived from this one.
	deadline time.Time
	over     atomic.Pointer[error] // why it is done; nil until then
	watched  atomic.Bool           // someone may wait for the end: then there is more to do at it

	mu     sync.Mutex
	done   chan struct{} // made when it is first asked for: many handlers never do
	closed bool
	after  map[*func()]struct{}

	// Guarded by the watch.
	delivery   *pull.Delivery // nil after the end: whoever keeps the context need not keep the message
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
	if why := c.over.Load(); why != nil {
		return *why
	}
	return nil
}

// Done implements context.Context.
func (c *call) Done() <-chan struct{} {
	c.watched.Store(true) // Before the end is looked at, and cancel looks after it has set it: one of the two closes.
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
	}
	if c.over.Load() != nil {
		c.close()
	}
	return c.done
}

// close closes done once, if anyone has asked for it. The lock is held.
func (c *call) close() {
	if c.done != nil && !c.closed {
		c.closed = true
		close(c.done)
	}
}

// AfterFunc calls f when the context is done, unless stop is called before. The context package looks for this method:
// with it, a context that is derived from this one needs no goroutine.
func (c *call) AfterFunc(f func()) (stop func() bool) {
	c.watched.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over.Load() != nil {
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
func (c *call) cancel(why *error) {
	if !c.over.CompareAndSwap(nil, why) || !c.watched.Load() {
		return
	}
	c.mu.Lock()
	c.close()
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
