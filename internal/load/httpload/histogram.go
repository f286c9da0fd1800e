package httpload

import (
	"math"
	"math/bits"
	"time"
)

// The histogram counts microseconds: exactly below 64, above that in 32 steps for every doubling, so that a percentile is at
// most 1/32 above what it stands for. 40 doublings reach 12 days.
const (
	steps   = 32
	buckets = 40 * steps
)

// histogram holds any number of durations in constant memory. The zero value is empty. It is not safe for concurrent use.
type histogram struct {
	counts  [buckets]int64
	total   int64
	largest time.Duration
}

func (h *histogram) add(d time.Duration) {
	d = max(0, d)
	h.counts[bucket(d)]++
	h.total++
	h.largest = max(h.largest, d)
}

// quantile returns the duration that a part q of all, 0 < q <= 1, did not exceed, and whether there are any.
func (h *histogram) quantile(q float64) (time.Duration, bool) {
	wanted := max(1, int64(math.Ceil(q*float64(h.total))))
	var seen int64
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= wanted {
			return min(upper(i), h.largest), true
		}
	}
	return 0, false
}

// bucket is the place of d: the position of its highest bit, and the steps bits below it.
func bucket(d time.Duration) int {
	us := uint64(d / time.Microsecond) //nolint:gosec // add makes it 0 at least.
	if us < 2*steps {
		return int(us)
	}
	shift := bits.Len64(us) - bits.Len64(steps)
	return min(shift*steps+int(us>>shift), buckets-1) //nolint:gosec // Shifted, it is below 64.
}

// upper is the largest duration of a bucket.
func upper(i int) time.Duration {
	if i < 2*steps {
		return time.Duration(i+1)*time.Microsecond - 1
	}
	shift := i/steps - 1
	return time.Duration(i%steps+steps+1)<<shift*time.Microsecond - 1
}
