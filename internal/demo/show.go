package demo

import (
	"fmt"
	"io"
	"os"
	"time"

	"spillway/internal/terminal"
)

// The view is redrawn in place on a terminal, elsewhere it is a line of its own now and then. Everything is observed at
// the former period.
const (
	redrawPeriod = 250 * time.Millisecond
	linePeriod   = 5 * time.Second
)

// show draws frames. The last one stays where it is.
type show struct {
	out    io.Writer
	view   view
	screen *terminal.Screen // Nil unless out is a terminal.
	next   time.Duration    // When the next line is due.
	faults int              // How many have had their line.
}

func newShow(out io.Writer, v view) *show {
	s := &show{out: out, view: v}
	if _, live := terminal.Of(out); live {
		s.screen = terminal.NewScreen(out)
		s.view.color = os.Getenv("NO_COLOR") == "" // https://no-color.org
	}
	return s
}

func (s *show) draw(f Frame) {
	if size, live := terminal.Of(s.out); s.screen != nil && live {
		_ = s.screen.Draw(s.view.render(f, size.Width), size)
		return
	}
	for _, fault := range f.Faults[s.faults:] {
		fmt.Fprintln(s.out, "! "+fault)
	}
	s.faults = len(f.Faults)
	if f.Elapsed >= s.next {
		fmt.Fprintln(s.out, s.view.line(f))
		s.next = f.Elapsed.Truncate(linePeriod) + linePeriod
	}
}
