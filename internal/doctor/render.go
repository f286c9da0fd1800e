package doctor

import (
	"encoding/json"
	"io"
	"os"
	"strings"

	"spillway/internal/terminal"
)

// The colours of verdicts, as ECMA-48 has them.
const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	grey   = "\x1b[90m"
	plain  = "\x1b[0m"
)

// write writes the report in the form that was asked for.
func (a *App) write(r *Report) error {
	if a.opts.Output == outputJSON {
		return writeJSON(a.out, r)
	}
	_, coloured := terminal.Of(a.out)
	return writeText(a.out, r, coloured && os.Getenv("NO_COLOR") == "")
}

func writeJSON(out io.Writer, r *Report) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// writeText writes a line for each link, and one below it with the cure if there is one.
func writeText(out io.Writer, r *Report, coloured bool) error {
	var b strings.Builder
	b.WriteString(r.Target + "\n")
	for i := range r.Links {
		f := &r.Links[i]
		b.WriteString(paint(f.Verdict, coloured) + pad(f.Link, 14))
		if f.About != "" {
			b.WriteString(printable(f.About) + ": ")
		}
		b.WriteString(printable(f.Message) + "\n")
		if f.Cure != "" {
			b.WriteString(strings.Repeat(" ", 23) + "-> " + printable(f.Cure) + "\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// paint returns the verdict as a column, in its colour.
func paint(v Verdict, coloured bool) string {
	word := pad(string(v), 9)
	if !coloured {
		return word
	}
	switch v {
	case OK:
		return green + word + plain
	case Warning:
		return yellow + word + plain
	case Failed:
		return red + word + plain
	default:
		return grey + word + plain
	}
}

func pad(text string, width int) string { return text + strings.Repeat(" ", max(1, width-len(text))) }

// printable takes control characters out of what others have said, so that they cannot draw on the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return -1
		}
		return r
	}, text)
}
