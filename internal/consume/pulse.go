package consume

import (
	"fmt"
	"sync"
	"time"
)

// pulse tells a busy worker from a wedged one: wedged is when handlers run and none has ended for longer than any may
// take. Idle is healthy.
type pulse struct {
	mu      sync.Mutex
	limit   time.Duration
	running int
	last    time.Time // when a handler last ended, or began while none ran
}

func (p *pulse) begin(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == 0 {
		p.last = now
	}
	p.running++
}

func (p *pulse) end(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	p.last = now
}

// check returns an error when the worker is wedged at now.
func (p *pulse) check(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if silent := now.Sub(p.last); p.running > 0 && silent > p.limit {
		return fmt.Errorf("%d handlers run and none has ended for %s", p.running, silent.Round(time.Second))
	}
	return nil
}
