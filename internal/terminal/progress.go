package terminal

import (
	"context"
	"fmt"
	"io"
	"time"
)

// How often a progress is shown: redrawn on a terminal, a line of its own elsewhere.
const (
	redrawPeriod = 200 * time.Millisecond
	linePeriod   = 5 * time.Second
)

// Progress shows the line that a run has for now until ctx is done. On a terminal it leaves nothing behind. What line needs
// is its own, or safe for concurrent use: it is called by the goroutine that called Progress.
func Progress(ctx context.Context, out io.Writer, line func(now time.Time) string) {
	_, live := Of(out)
	period := linePeriod
	if live {
		period = redrawPeriod
	}
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	screen := NewScreen(out)
	for {
		select {
		case <-ctx.Done():
			_ = screen.Clear()
			return
		case now := <-ticker.C:
			text := line(now)
			if size, ok := Of(out); live && ok {
				_ = screen.Draw([]string{cut(text, size.Width)}, size)
				continue
			}
			fmt.Fprintln(out, text)
		}
	}
}

// cut shortens a line of ASCII to what fits beside the cursor.
func cut(line string, width int) string { return line[:min(len(line), max(0, width-1))] }
