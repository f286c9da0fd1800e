package tune

import (
	"fmt"
	"html"
	"math"
	"strings"

	"spillway/internal/sim"
)

// The size of a plot and its margins, in SVG's units, and how many columns a line is drawn in.
const (
	chartWidth, chartHeight = 860.0, 200.0
	marginLeft, marginRight = 62.0, 20.0
	marginTop, marginBottom = 26.0, 22.0
	columns                 = 700
	ticks                   = 4
)

// line is one of a plot; times are seconds of the trace.
type line struct {
	name, class string
	xs, ys      []float64
}

// lineOf takes a stretch of a timeline. Where there are more points than columns the highest of each column stays: a peak must not be lost.
func lineOf(name, class string, points []sim.Point, from, to int, value func(sim.Point) float64) line {
	l := line{name: name, class: class}
	width := float64(to-from) / columns
	last := -1
	for _, p := range points {
		if p.Second < from || p.Second > to {
			continue
		}
		column := int(float64(p.Second-from) / math.Max(1e-9, width))
		if v := value(p); column == last {
			l.ys[len(l.ys)-1] = max(l.ys[len(l.ys)-1], v)
		} else {
			l.xs, l.ys = append(l.xs, float64(p.Second)), append(l.ys, v)
			last = column
		}
	}
	return l
}

// chart is one plot.
type chart struct {
	title, unit string
	from, to    float64
	lines       []line
	steps       bool // values last until the next
}

func (c *chart) x(t float64) float64 {
	return marginLeft + (t-c.from)/math.Max(1, c.to-c.from)*(chartWidth-marginLeft-marginRight)
}

func (c *chart) y(v, top float64) float64 {
	return chartHeight - marginBottom - v/top*(chartHeight-marginTop-marginBottom)
}

// svg draws the plot. Colors are the page's.
func (c *chart) svg() string {
	most := 0.0
	for _, l := range c.lines {
		for _, v := range l.ys {
			most = max(most, v)
		}
	}
	step := nice(most / ticks)
	top := math.Max(step, math.Ceil(most/step)*step)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s, %s"><text class="title" x="0" y="14">%s <tspan class="unit">%s</tspan></text>`,
		chartWidth, chartHeight, html.EscapeString(c.title), html.EscapeString(c.unit), html.EscapeString(c.title), html.EscapeString(c.unit))
	for v := 0.0; v <= top*1.001; v += step {
		fmt.Fprintf(&b, `<line class="grid" x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f"/><text class="tick" text-anchor="end" x="%.0f" y="%.1f">%s</text>`,
			marginLeft, chartWidth-marginRight, c.y(v, top), c.y(v, top), marginLeft-6, c.y(v, top)+4, short(v))
	}
	every := timeStep((c.to - c.from) / 8)
	for t := math.Ceil(c.from/every) * every; t <= c.to; t += every {
		fmt.Fprintf(&b, `<text class="tick" text-anchor="middle" x="%.1f" y="%.0f">%s</text>`, c.x(t), chartHeight-6, clock(t, every))
	}
	for _, l := range c.lines {
		fmt.Fprintf(&b, `<path class="line %s" d="%s"><title>%s</title></path>`, html.EscapeString(l.class), c.path(l, top), html.EscapeString(l.name))
	}
	b.WriteString("</svg>")
	return b.String()
}

func (c *chart) path(l line, top float64) string {
	var b strings.Builder
	for i := range l.xs {
		x, y := c.x(l.xs[i]), c.y(l.ys[i], top)
		switch {
		case i == 0:
			fmt.Fprintf(&b, "M%.1f %.1f", x, y)
		case l.ys[i] == l.ys[i-1] && i+1 < len(l.ys) && l.ys[i+1] == l.ys[i]: // in the middle of a level
		case c.steps:
			fmt.Fprintf(&b, "H%.1fV%.1f", x, y)
		default:
			fmt.Fprintf(&b, "L%.1f %.1f", x, y)
		}
	}
	return b.String()
}

// nice is the next of 1, 2, 5, 10, 20, ...
func nice(v float64) float64 {
	if v <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*unit*1.0001 {
			return m * unit
		}
	}
	return 10 * unit
}

// timeStep is a step of a clock that is at least v seconds.
func timeStep(v float64) float64 {
	for _, s := range []float64{1, 5, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 2 * 86400} {
		if s >= v {
			return s
		}
	}
	return 7 * 86400
}

// clock writes a time of the trace.
func clock(t, every float64) string {
	s := int(t)
	switch {
	case every >= sim.Day:
		return fmt.Sprintf("day %d", s/sim.Day)
	case every >= 60:
		return fmt.Sprintf("%d:%02d", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// short writes a tick.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%g", v)
}

// ceil rounds up what is no rounding error.
func ceil(v float64) float64 { return math.Ceil(v - 1e-6) }
