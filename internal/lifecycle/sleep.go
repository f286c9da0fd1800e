package lifecycle

import (
	"context"
	"time"
)

// Sleep waits for d, not at all when that is 0 or less, and reports whether ctx lasted for so long. It may be called concurrently.
func Sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
