package broker

import "time"

// backoff is the retry policy's delay before the delivery that follows the given number of failed ones: the minimum, doubled
// for each further failure, at most the maximum.
func backoff(minimum, maximum time.Duration, tries uint32) time.Duration {
	d := minimum
	for range min(tries, 64) - 1 {
		if d >= maximum || d > maximum/2 {
			return maximum
		}
		d *= 2
	}
	return min(d, maximum)
}
