package demo

import (
	"maps"
	"sync"
	"time"
)

// bench is where the target works: how long on each message, and for which worker how many. It is safe for concurrent use.
type bench struct {
	mu    sync.Mutex
	work  time.Duration
	slow  bool
	desks map[string]desk
}

// desk is what one worker has brought.
type desk struct {
	inFlight int
	done     int64
}

// slowness is how many times as long a slow handler takes.
const slowness = 4

func newBench(work time.Duration) *bench { return &bench{work: work, desks: make(map[string]desk)} }

// begin notes that a worker has brought a message, and says how long to work on it.
func (b *bench) begin(worker string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.desks[worker]
	d.inFlight++
	b.desks[worker] = d
	if b.slow {
		return b.work * slowness
	}
	return b.work
}

// end notes that the work on a message ended, done or not.
func (b *bench) end(worker string, done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.desks[worker]
	d.inFlight--
	if done {
		d.done++
	}
	b.desks[worker] = d
}

func (b *bench) setSlow(slow bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slow = slow
}

// state returns how every worker stands, and whether work is slow.
func (b *bench) state() (desks map[string]desk, slow bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.desks), b.slow
}
