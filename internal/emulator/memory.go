package emulator

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	memoryPeriod = 250 * time.Millisecond
	// headroom is how much garbage may pile up between collections; above it the heap may grow by minPercent of what lives.
	headroom   = 64 << 20
	minPercent = 20
	maxPercent = 200
	// releaseStep is how far the store must have shrunk for memory to be given back to the system.
	releaseStep = 64 << 20
)

// collectorPercent is the collector's target for a live heap of the given size. The store is large blocks without pointers,
// which cost the collector next to nothing, so it can run often: at 1,000,000 waiting messages the default target of 100 %
// would double the process.
func collectorPercent(live uint64) int {
	if live == 0 {
		return maxPercent
	}
	return int(min(max(headroom*100/live, minPercent), maxPercent))
}

// ebb follows the size of the store and says when enough has been drained to give memory back. A drain that is fast is let
// finish: it ends soon, and giving memory back takes a fifth of its speed.
type ebb struct{ peak, last int64 }

func (e *ebb) shouldRelease(held int64) bool {
	e.peak = max(e.peak, held)
	fast := e.last-held > releaseStep
	e.last = held
	if fast || held > e.peak/2 || e.peak-held < releaseStep {
		return false
	}
	e.peak = held
	return true
}

// tuneMemory keeps the process's memory near what the store needs, until ctx is done; then it restores the collector's target.
func tuneMemory(ctx context.Context, held func() int64) error {
	percent := maxPercent
	before := debug.SetGCPercent(percent)
	defer debug.SetGCPercent(before)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var tide ebb
	ticker := time.NewTicker(memoryPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		metrics.Read(live)
		if want := collectorPercent(live[0].Value.Uint64()); want != percent {
			percent = want
			debug.SetGCPercent(percent)
		}
		if tide.shouldRelease(held()) {
			debug.FreeOSMemory()
		}
	}
}
