package pull

import (
	"runtime"
	"sync"
	"time"
)

// pool runs the handlers: as many goroutines as messages are handled at once, up to a limit. They are started when they
// are first needed and woken one after the other: whoever was woken and has taken a message wakes the next, if there is
// more. Waking one for each message cost a fifth of the engine's CPU.
//
// That goes on up to eager goroutines. More are needed only by handlers that wait for something, and a look every now and
// then shows whether they do: with fast ones thousands of goroutines would come to be, and the collector walks every stack
// there is. For the same reason the last to rest is the first to be woken, and those that nobody needed for a while end.
//
// The pool shares the inventory's lock, so that a message costs one turn at it: its handler's goroutine settles it and
// takes the next.
type pool struct {
	handle func(*item) Fate
	settle func(*item, Fate) // called with the lock held
	limit  int
	eager  int

	mu      *sync.Mutex
	ready   []*item
	idle    []chan struct{} // of the goroutines that rest; closed to end one
	least   int             // the fewest that rested since the last trim
	all     int             // goroutines
	taken   int             // items, ever
	running int             // handlers
	waking  bool            // one was woken or started, and has not taken a message yet
	looking bool            // more runs
	closed  bool
	ended   sync.WaitGroup
}

const (
	// eagerEach is how many goroutines for each processor are woken without a look at whether they are needed.
	eagerEach = 16
	// The pauses between looks, doubled while no more goroutines are needed. A thousand are at work within 2 ms.
	firstLook = 250 * time.Microsecond
	lastLook  = 4 * time.Millisecond
)

func newPool(mu *sync.Mutex, limit int, handle func(*item) Fate, settle func(*item, Fate)) *pool {
	return &pool{mu: mu, limit: limit, eager: eagerEach * runtime.GOMAXPROCS(0), handle: handle, settle: settle}
}

// put makes an item ready to be handled. It never blocks. The lock is held.
func (p *pool) put(it *item) {
	p.ready = append(p.ready, it)
	p.wake()
}

// wake gets one more goroutine to work, unless one is on its way already. The lock is held.
func (p *pool) wake() {
	switch {
	case p.waking || len(p.ready) == 0:
	case p.busy() < p.eager:
		p.rouse()
	case !p.looking && p.busy() < p.limit:
		p.looking = true
		p.ended.Go(p.more)
	}
}

// busy returns how many goroutines do not rest. The lock is held.
func (p *pool) busy() int { return p.all - len(p.idle) }

// rouse wakes or starts a goroutine, up to the limit. The lock is held.
func (p *pool) rouse() {
	switch n := len(p.idle); {
	case n > 0:
		p.waking = true
		p.idle[n-1] <- struct{}{}
		p.idle = p.idle[:n-1]
		p.least = min(p.least, n-1)
	case p.all < p.limit:
		p.waking = true
		p.all++
		p.ended.Go(p.run)
	}
}

// more doubles the goroutines at work as long as something is ready that they do not come to take.
func (p *pool) more() {
	timer := time.NewTimer(firstLook)
	defer timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for pause := firstLook; len(p.ready) > 0 && p.busy() < p.limit; pause = min(2*pause, lastLook) {
		before := p.taken
		p.mu.Unlock()
		timer.Reset(pause)
		<-timer.C
		p.mu.Lock()
		if n := p.busy(); p.taken-before < n { // Less than one for each: they wait for something.
			for range min(n, len(p.ready)) {
				p.rouse()
			}
			pause = firstLook / 2
		}
	}
	p.looking = false
}

// run handles items until the pool is closed and nothing is ready, or nobody needs this goroutine any more.
func (p *pool) run() {
	alarm := make(chan struct{}, 1)
	p.mu.Lock()
	p.waking = false
	for p.await(alarm) {
		it := p.ready[0]
		p.ready[0] = nil // The array outlives the item.
		p.ready = p.ready[1:]
		p.taken++
		p.running++
		it.lent = true
		p.wake()
		p.mu.Unlock()
		fate := p.handle(it)
		p.mu.Lock()
		p.running--
		p.settle(it, fate)
	}
	p.all--
	p.mu.Unlock()
}

// await rests until something is ready, and reports false when the goroutine is to end. The lock is held before and after.
func (p *pool) await(alarm chan struct{}) bool {
	for len(p.ready) == 0 {
		if p.closed {
			return false
		}
		p.idle = append(p.idle, alarm)
		p.mu.Unlock()
		_, woken := <-alarm
		p.mu.Lock()
		if !woken {
			return false
		}
		p.waking = false
	}
	return true
}

// trim ends half of the goroutines that have rested since the last call, those that have rested longest. The lock is held.
func (p *pool) trim() {
	spare := (p.least + 1) / 2
	for _, alarm := range p.idle[:spare] {
		close(alarm)
	}
	p.idle = append(p.idle[:0], p.idle[spare:]...)
	p.least = len(p.idle)
}

// close waits until everything that was put is handled and the goroutines have ended.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, alarm := range p.idle {
		close(alarm)
	}
	p.idle, p.least = nil, 0 // The keeper may trim once more.
	p.mu.Unlock()
	p.ended.Wait()
}
