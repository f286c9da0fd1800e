package tune

import (
	"fmt"
	"io"

	"spillway/internal/terminal"
)

// status is a line of progress, on a terminal alone.
type status struct {
	out    io.Writer
	screen *terminal.Screen
}

func newStatus(out io.Writer) *status { return &status{out: out, screen: terminal.NewScreen(out)} }

// say replaces the line.
func (s *status) say(line string) {
	if size, ok := terminal.Of(s.out); ok {
		_ = s.screen.Draw([]string{fmt.Sprintf("%.*s", max(0, size.Width-1), line)}, size)
	}
}

// clear takes the line away.
func (s *status) clear() { _ = s.screen.Clear() }
