package terminal

import (
	"io"
	"strconv"
	"strings"
)

// The control sequences in use, all of ECMA-48: up n lines, erase to the end of the line, erase to the end of the screen.
const (
	escape     = "\x1b["
	eraseLine  = escape + "K"
	eraseBelow = escape + "J"
)

// Screen redraws a block of lines in place. What was printed before it stays. It is not safe for concurrent use.
type Screen struct {
	out  io.Writer
	rows int // How many the cursor is below the block's first line.
}

// NewScreen returns a screen on out, which must be a terminal.
func NewScreen(out io.Writer) *Screen { return &Screen{out: out} }

// Draw replaces the block by lines. None may be wider than the terminal; those beyond its height are left out, because
// a line that has scrolled away cannot be drawn over. The frame is written at once, so that it does not flicker.
func (s *Screen) Draw(lines []string, size Size) error {
	if most := max(1, size.Height-1); len(lines) > most {
		lines = lines[:most]
	}
	var frame strings.Builder
	if s.rows > 0 {
		frame.WriteString(escape + strconv.Itoa(s.rows) + "A")
	}
	for _, line := range lines {
		frame.WriteString("\r" + line + eraseLine + "\n")
	}
	frame.WriteString(eraseBelow)
	s.rows = len(lines)
	_, err := io.WriteString(s.out, frame.String())
	return err
}

// Clear removes the block; what is printed next takes its place.
func (s *Screen) Clear() error {
	if s.rows == 0 {
		return nil
	}
	up := escape + strconv.Itoa(s.rows) + "A\r" + eraseBelow
	s.rows = 0
	_, err := io.WriteString(s.out, up)
	return err
}
