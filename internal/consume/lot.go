package consume

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// lot parks messages until their delayed nack is due. They hold a lease but no slot.
type lot struct {
	mu     sync.Mutex
	limit  int
	parked map[*time.Timer]func()
	closed bool
	gauge  prometheus.Gauge
}

func newLot(limit int, gauge prometheus.Gauge) *lot {
	return &lot{limit: limit, parked: map[*time.Timer]func(){}, gauge: gauge}
}

// park calls leave after delay, or when the lot closes. It reports false, and does nothing, when there is no room.
func (l *lot) park(delay time.Duration, leave func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.parked) >= l.limit {
		return false
	}
	var timer *time.Timer
	timer = time.AfterFunc(delay, func() {
		l.mu.Lock()
		_, here := l.parked[timer]
		delete(l.parked, timer)
		l.gauge.Set(float64(len(l.parked)))
		l.mu.Unlock()
		if here {
			leave()
		}
	})
	l.parked[timer] = leave
	l.gauge.Set(float64(len(l.parked)))
	return true
}

// close lets everything leave at once, takes nothing more, and returns how many left. A message that was to be nacked
// later is nacked now, so that stopping need not wait for it.
func (l *lot) close() int {
	l.mu.Lock()
	left := l.parked
	l.parked, l.closed = map[*time.Timer]func(){}, true
	l.gauge.Set(0)
	l.mu.Unlock()
	for timer, leave := range left {
		timer.Stop()
		leave()
	}
	return len(left)
}
