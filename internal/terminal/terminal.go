// Package terminal knows whether output goes to a person's terminal, how large that is, and how to redraw in place.
package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Size is a terminal's size in characters.
type Size struct{ Width, Height int }

// Of returns the size of the terminal that w writes to, and whether it is one that can redraw.
func Of(w io.Writer) (Size, bool) {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return Size{}, false
	}
	fd := int(f.Fd())
	width, height, err := term.GetSize(fd)
	if err != nil || width <= 0 || height <= 0 {
		return Size{}, false
	}
	return Size{Width: width, Height: height}, true
}

// Answers reports whether a person at a terminal is behind r, who can be asked.
func Answers(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
