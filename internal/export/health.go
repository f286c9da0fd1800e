package export

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/httpserver"
)

// health knows how the polls are going. The loop writes, the HTTP server reads.
type health struct {
	// turnLimit is how long the loop may take for one turn, answerLimit how long every poll may fail.
	turnLimit, answerLimit time.Duration

	complete atomic.Bool               // a poll was answered in full
	turned   atomic.Pointer[time.Time] // the end of the last turn, or the start
	answered atomic.Pointer[time.Time] // the end of the last poll that was answered at least in part, or the start
}

// newHealth starts at now. The loop is stuck when two turns did not fit into the time of three; Cloud Monitoring is lost
// when nothing that it ever said can still be believed.
func newHealth(now time.Time, interval time.Duration, limits backlog.Limits) *health {
	h := &health{turnLimit: 3 * (interval + budget(interval)), answerLimit: limits.Fresh + limits.Hold}
	h.turned.Store(&now)
	h.answered.Store(&now)
	return h
}

// polled notes a poll of which failed queries of all were not answered.
func (h *health) polled(failed, all int, now time.Time) {
	h.turned.Store(&now)
	if failed < all {
		h.answered.Store(&now)
	}
	if failed == 0 {
		h.complete.Store(true)
	}
}

// live returns the condition of liveness: the loop turned recently. An outage of Cloud Monitoring is no reason to be
// killed.
func (h *health) live() httpserver.Check {
	return httpserver.Check{Name: "loop", Test: func() error { return within(h.turned.Load(), h.turnLimit, "no turn") }}
}

// ready returns the conditions of readiness: everything was polled once, and not every poll fails since.
func (h *health) ready() []httpserver.Check {
	first := httpserver.Check{Name: "first-poll", Test: func() error {
		if !h.complete.Load() {
			return errors.New("no poll was answered in full yet")
		}
		return nil
	}}
	return []httpserver.Check{first, {
		Name: "cloud-monitoring", Test: func() error { return within(h.answered.Load(), h.answerLimit, "no answer") },
	}}
}

func within(last *time.Time, limit time.Duration, lack string) error {
	if ago := time.Since(*last); ago > limit {
		return fmt.Errorf("%s for %s", lack, ago.Round(time.Second))
	}
	return nil
}
