package pull

import "sync"

// pool runs the handlers: as many goroutines as messages are handled at once, up to a limit. They are started when they
// are first needed and woken one after the other: whoever was woken and has taken a message wakes the next, if there is
// more. A fast handler so keeps few goroutines busy, and a slow one has all of them at work within a moment. Waking one
// for each message cost a fifth of the engine's CPU.
type pool struct {
	handle func(*item)
	limit  int

	mu     sync.Mutex
	work   sync.Cond
	ready  []*item
	all    int  // goroutines
	idle   int  // those that wait
	waking bool // one was woken or started, and has not taken a message yet
	closed bool
	ended  sync.WaitGroup
}

func newPool(limit int, handle func(*item)) *pool {
	p := &pool{handle: handle, limit: limit}
	p.work.L = &p.mu
	return p
}

// put makes an item ready to be handled. It never blocks.
func (p *pool) put(it *item) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = append(p.ready, it)
	p.wake()
}

// wake gets one more goroutine to work, unless one is on its way already. The lock is held.
func (p *pool) wake() {
	switch {
	case p.waking || len(p.ready) == 0:
	case p.idle > 0:
		p.waking = true
		p.work.Signal()
	case p.all < p.limit:
		p.waking = true
		p.all++
		p.ended.Go(p.run)
	}
}

// run handles items until the pool is closed and nothing is ready.
func (p *pool) run() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waking = false
	for {
		for len(p.ready) == 0 {
			if p.closed {
				return
			}
			p.idle++
			p.work.Wait()
			p.idle--
			p.waking = false
		}
		it := p.ready[0]
		p.ready[0] = nil // The array outlives the item.
		p.ready = p.ready[1:]
		p.wake()
		p.mu.Unlock()
		p.handle(it)
		p.mu.Lock()
	}
}

// close waits until everything that was put is handled and the goroutines have ended.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.work.Broadcast()
	p.mu.Unlock()
	p.ended.Wait()
}
