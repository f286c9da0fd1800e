package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Table prints points as they come: one whenever the replicas change, and one every period. It is not safe for concurrent
// use.
type Table struct {
	out    io.Writer
	factor int
	period time.Duration
	width  int // of the column with the track's name; 0 without one

	printed int
	last    map[string]Point
}

// NewTable returns a table for the tracks, which are told apart by a column if there are several. Times are multiplied by
// factor in the column "story".
func NewTable(out io.Writer, factor int, period time.Duration, tracks ...*Track) *Table {
	t := &Table{out: out, factor: factor, period: period, last: map[string]Point{}}
	if len(tracks) > 1 {
		for _, track := range tracks {
			t.width = max(t.width, len(track.Name))
		}
	}
	return t
}

// headEvery is after how many lines the heading is repeated, for logs that are scrolled through.
const headEvery = 40

// Add appends the point to the track and prints it if it is time.
func (t *Table) Add(track *Track, p Point) {
	track.Points = append(track.Points, p)
	before, known := t.last[track.Name]
	changed := before.Desired != p.Desired || before.Current != p.Current || before.Ready != p.Ready
	if known && !changed && p.At-before.At < t.period {
		return
	}
	t.last[track.Name] = p
	if t.printed%headEvery == 0 {
		t.row("track", "wall", "story", "desired", "current", "ready", "metric", "backlog", "arrived", "handled", "")
	}
	t.printed++
	t.row(track.Name, clock(p.At), clock(p.At*time.Duration(t.factor)), number(p.Desired), number(p.Current), number(p.Ready),
		value(p.Metric), backlog(p.Backlog), number(p.Arrived), number(p.Handled), status(p))
}

func (t *Table) row(track string, cells ...string) {
	var line strings.Builder
	if t.width > 0 {
		fmt.Fprintf(&line, "  %-*s", t.width, track)
	}
	for i, cell := range cells[:len(cells)-1] {
		fmt.Fprintf(&line, "  %*s", []int{5, 5, 7, 7, 5, 9, 9, 9, 9}[i], cell)
	}
	line.WriteString("  " + cells[len(cells)-1])
	fmt.Fprintln(t.out, strings.TrimRight(line.String(), " "))
}

// status says what the seed's table says in its last column.
func status(p Point) string {
	switch {
	case p.Desired > p.Ready:
		return "scaling up"
	case p.Desired < p.Ready:
		return "scaling down"
	default:
		return "stable"
	}
}

// clock is minutes and seconds.
func clock(d time.Duration) string {
	seconds := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

func number[N int32 | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

func value(v *float64) string {
	if v == nil {
		return "unknown"
	}
	return strconv.FormatFloat(float64(int64(*v*100+0.5))/100, 'f', -1, 64)
}

func backlog(n *int64) string {
	if n == nil {
		return "unknown"
	}
	return number(*n)
}
