package demo

import (
	"math"
	"time"
)

// The buckets of a histogram: the first ends at 0.1 ms and each is 5 % wider than the one before, so the last begins at
// about 17 hours and a quantile is at most 2.5 % off.
const (
	buckets     = 416
	firstBucket = 100 * time.Microsecond
	growth      = 1.05
)

// histogram counts durations. The zero value is empty.
type histogram struct {
	count [buckets]int64
	total int64
}

func (h *histogram) add(d time.Duration) {
	h.count[bucketOf(d)]++
	h.total++
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.count {
		h.count[i] += n
	}
	h.total += other.total
}

// quantile returns the q-quantile, 0 <= q <= 1, and false when nothing was counted.
func (h *histogram) quantile(q float64) (time.Duration, bool) {
	if h.total == 0 {
		return 0, false
	}
	rank := max(1, int64(math.Ceil(q*float64(h.total))))
	for i, n := range h.count {
		if rank -= n; rank <= 0 {
			return middleOf(i), true
		}
	}
	return middleOf(buckets - 1), true
}

func bucketOf(d time.Duration) int {
	if d <= firstBucket {
		return 0
	}
	i := 1 + int(math.Log(float64(d)/float64(firstBucket))/math.Log(growth))
	return min(i, buckets-1)
}

// middleOf is the geometric middle of a bucket.
func middleOf(i int) time.Duration {
	return time.Duration(float64(firstBucket) * math.Pow(growth, float64(i)-0.5))
}

// recentSeconds is how far back the live view's ages reach.
const recentSeconds = 5

// ages keeps the ages of all messages and, by the second in which they were handled, of the latest. It is not safe for
// concurrent use.
type ages struct {
	all    histogram
	recent [recentSeconds]histogram
	second [recentSeconds]int64 // Which second each of recent holds, since 1970.
}

func (a *ages) add(age time.Duration, handled time.Time) {
	a.all.add(age)
	second := handled.Unix()
	i := second % recentSeconds
	if a.second[i] != second {
		a.second[i], a.recent[i] = second, histogram{}
	}
	a.recent[i].add(age)
}

// latest returns the ages of the messages handled in the last seconds before now.
func (a *ages) latest(now time.Time) *histogram {
	var h histogram
	for i := range a.recent {
		if now.Unix()-a.second[i] < recentSeconds {
			h.merge(&a.recent[i])
		}
	}
	return &h
}
