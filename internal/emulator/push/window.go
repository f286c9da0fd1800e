package push

import "time"

const (
	maxWindow  = 100
	minBackoff = 100 * time.Millisecond
	maxBackoff = 60 * time.Second
)

// window is how many requests may run side by side, and how long the next ones wait. The zero value is the start.
type window struct {
	extra    int // beyond 1
	failures int // rounds with a failure, in a row
	round    int // counts up with each failure, so that requests which ran side by side count once
}

func (w *window) size() int { return 1 + w.extra }

func (w *window) success() {
	w.failures = 0
	w.extra = min(2*w.extra+1, maxWindow-1)
}

// failure notes a request that was started in the given round and failed.
func (w *window) failure(round int) {
	if round != w.round {
		return
	}
	w.round++
	w.failures++
	w.extra /= 2
}

// backoff is 0 while deliveries succeed.
func (w *window) backoff() time.Duration {
	if w.failures == 0 {
		return 0
	}
	return min(minBackoff<<min(w.failures-1, 10), maxBackoff)
}
