package export

import (
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"spillway/internal/backlog"
)

// flushAt is how many bytes are gathered before they are written.
const flushAt = 64 << 10

// exposition writes series in Prometheus' text format or in OpenMetrics. Everything is appended to one buffer, and what a
// series has in common with others was made when it was polled: 10,000 subscriptions take some milliseconds.
type exposition struct {
	out         io.Writer
	openMetrics bool
	buf         []byte
	pending     string // the header of a family without series so far
	err         error
}

// family begins a family of series; without any it leaves no trace.
func (e *exposition) family(name, kind, help string) {
	if e.openMetrics && kind == counter {
		name = strings.TrimSuffix(name, "_total")
	}
	e.pending = "# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n"
}

// series begins a line: the name with the labels, which are one text or several to be joined; empty ones are none. The
// first must not be.
func (e *exposition) series(name string, labels ...string) {
	if e.pending != "" {
		e.buf = append(e.buf, e.pending...)
		e.pending = ""
	}
	e.buf = append(e.buf, name...)
	sep := byte('{')
	for _, l := range labels {
		if l != "" {
			e.buf = append(append(e.buf, sep), l...)
			sep = ','
		}
	}
	e.buf = append(e.buf, '}', ' ')
}

// value ends a line.
func (e *exposition) value(v float64) {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		e.buf = strconv.AppendInt(e.buf, int64(v), 10)
	} else {
		e.buf = strconv.AppendFloat(e.buf, v, 'g', -1, 64)
	}
	e.end()
}

// seconds ends a line with a time in seconds, to the millisecond.
func (e *exposition) seconds(d time.Duration) {
	e.buf = strconv.AppendFloat(e.buf, float64(d.Milliseconds())/1000, 'f', -1, 64)
	e.end()
}

func (e *exposition) end() {
	e.buf = append(e.buf, '\n')
	if len(e.buf) > flushAt {
		e.flush()
	}
}

func (e *exposition) flush() {
	if e.err == nil && len(e.buf) > 0 {
		_, e.err = e.out.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

// appendLabel appends name="value".
func appendLabel(to []byte, name, value string) []byte {
	to = append(to, name...)
	to = append(to, '=', '"')
	for i := range len(value) {
		switch c := value[i]; c {
		case '\\', '"':
			to = append(to, '\\', c)
		case '\n':
			to = append(to, '\\', 'n')
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}

// labelText returns the labels of a series with own ones, in the order of their names.
func labelText(project, owner, id string, own []backlog.Label) string {
	all := append(slices.Clone(own), backlog.Label{Name: "project_id", Value: project}, backlog.Label{Name: owner, Value: id})
	slices.SortFunc(all, func(a, b backlog.Label) int { return strings.Compare(a.Name, b.Name) })
	var text []byte
	for i, l := range all {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendLabel(text, l.Name, strings.ToValidUTF8(l.Value, "?"))
	}
	return string(text)
}
