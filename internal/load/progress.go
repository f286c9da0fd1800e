package load

import (
	"fmt"
	"time"
)

// meter measures the rate over about the last second.
type meter struct {
	at        time.Time
	published int64
	rate      float64
}

func (m *meter) line(elapsed time.Duration, now time.Time, c Counts) string {
	if passed := now.Sub(m.at); passed >= time.Second {
		m.rate = float64(c.Published-m.published) / passed.Seconds()
		m.at, m.published = now, c.Published
	}
	return fmt.Sprintf("%s  published %d  failed %d  %.0f msg/s", elapsed.Round(time.Second), c.Published, c.Failed, m.rate)
}

// summary is the result as three rows of name and value.
func summary(c Counts, took time.Duration) string {
	rate := float64(c.Published) / max(took.Seconds(), 1e-9)
	return fmt.Sprintf("published  %d\nfailed     %d\nrate       %.0f msg/s over %s\n", c.Published, c.Failed, rate, took.Round(10*time.Millisecond))
}
