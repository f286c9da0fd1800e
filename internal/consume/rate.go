package consume

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	limit "golang.org/x/time/rate"
)

// rate bounds how many messages are given to the handler in a second. One that waits for its turn keeps slot and lease: as
// long as the rate is what limits the flow, no other could run on that slot. A nil rate sets no limit.
type rate struct {
	limiter *limit.Limiter
	slots   *slots
	gauge   prometheus.Gauge
}

// newRate lets a tenth of a second's messages through at once, and at least one; nil when there is no limit.
func newRate(perSecond float64, s *slots, gauge prometheus.Gauge) *rate {
	if perSecond == 0 {
		return nil
	}
	return &rate{limiter: limit.NewLimiter(limit.Limit(perSecond), max(1, int(perSecond/10))), slots: s, gauge: gauge}
}

// wait waits for a message's turn. It reports false when working is done before.
func (r *rate) wait(working context.Context) bool {
	if r.limiter.Allow() {
		return working.Err() == nil
	}
	r.slots.rest(1)
	r.gauge.Inc()
	defer func() { r.slots.rest(-1); r.gauge.Dec() }()
	return r.limiter.Wait(working) == nil
}

// allow takes a turn if there is one now.
func (r *rate) allow() bool { return r == nil || r.limiter.Allow() }
