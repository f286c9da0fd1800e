package consume

import (
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spillway/internal/pull"
)

// pulse knows the handlers that run. It tells a busy worker from a wedged one: wedged is when handlers run and none has
// ended for longer than any may take. Idle is healthy.
type pulse struct {
	mu      sync.Mutex
	limit   time.Duration                // longer than any handler may take
	running map[*pull.Delivery]time.Time // when each began
	stuck   map[*pull.Delivery]bool      // those of them that are waited for no longer
	gauge   prometheus.Gauge             // how many are stuck
	last    time.Time                    // when a handler last ended, or began while none ran
}

func newPulse(limit time.Duration, stuck prometheus.Gauge) *pulse {
	return &pulse{limit: limit, running: map[*pull.Delivery]time.Time{}, stuck: map[*pull.Delivery]bool{}, gauge: stuck}
}

func (p *pulse) begin(d *pull.Delivery, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.running) == 0 {
		p.last = now
	}
	p.running[d] = now
}

// end notes that a handler has ended and reports whether it was given up before: then its message is settled.
func (p *pulse) end(d *pull.Delivery, now time.Time) (stuck bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = now
	stuck = p.stuck[d]
	delete(p.running, d)
	delete(p.stuck, d)
	p.gauge.Set(float64(len(p.stuck)))
	return stuck
}

// giveUp returns the messages of handlers that have run for longer than the limit at now, or of all; each once.
func (p *pulse) giveUp(now time.Time, all bool) (stuck []*pull.Delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for d, begin := range p.running {
		if !p.stuck[d] && (all || now.Sub(begin) > p.limit) {
			p.stuck[d] = true
			stuck = append(stuck, d)
		}
	}
	p.gauge.Set(float64(len(p.stuck)))
	return stuck
}

// check returns an error when the worker is wedged at now.
func (p *pulse) check(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if silent := now.Sub(p.last); len(p.running) > 0 && silent > p.limit {
		return fmt.Errorf("%d handlers run and none has ended for %s", len(p.running), silent.Round(time.Second))
	}
	return nil
}
