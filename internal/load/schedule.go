package load

import "time"

// Schedule says how many messages are due once the run has lasted elapsed, and whether that is all there will ever be.
// It is pure, and due never falls as elapsed grows.
type Schedule func(elapsed time.Duration) (due int64, last bool)

// Burst makes n messages due at once.
func Burst(n int64) Schedule {
	return func(time.Duration) (int64, bool) { return n, true }
}

// Rate makes perSecond messages due each second, for the given time or, when that is 0, without end. A run that falls
// behind still publishes all of them, so the number is exact and the time is not.
func Rate(perSecond float64, lasting time.Duration) Schedule {
	return func(elapsed time.Duration) (int64, bool) {
		last := lasting > 0 && elapsed >= lasting
		if last {
			elapsed = lasting
		}
		return int64(perSecond * elapsed.Seconds()), last
	}
}
