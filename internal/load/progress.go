package load

import (
	"context"
	"fmt"
	"io"
	"time"

	"spillway/internal/terminal"
)

// How often the progress is shown: redrawn on a terminal, a line of its own elsewhere.
const (
	redrawPeriod = 200 * time.Millisecond
	linePeriod   = 5 * time.Second
)

// report shows the progress until ctx is done.
func report(ctx context.Context, out io.Writer, begin time.Time, counts func() Counts) {
	_, live := terminal.Of(out)
	period := linePeriod
	if live {
		period = redrawPeriod
	}
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	screen := terminal.NewScreen(out)
	meter := meter{at: begin}
	for {
		select {
		case <-ctx.Done():
			_ = screen.Clear()
			return
		case now := <-ticker.C:
			line := meter.line(now.Sub(begin), now, counts())
			if size, ok := terminal.Of(out); live && ok {
				_ = screen.Draw([]string{cut(line, size.Width)}, size)
				continue
			}
			fmt.Fprintln(out, line)
		}
	}
}

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

func cut(line string, width int) string { return line[:min(len(line), max(0, width-1))] }
