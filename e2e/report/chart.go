package report

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"
)

// chart is one plot over time, drawn as SVG.
type chart struct {
	title string
	lines []line
}

// line is one line of a plot. A stepped one stays at a value until the next.
type line struct {
	name, class string
	stepped     bool
	at          []time.Duration
	value       []float64
}

func (l *line) add(at time.Duration, value float64) {
	l.at, l.value = append(l.at, at), append(l.value, value)
}

// highest is the largest value, 0 without any.
func (l *line) highest() float64 {
	var most float64
	for _, v := range l.value {
		most = max(most, v)
	}
	return most
}

// cut lowers what is above a limit to it, unless that is 0, and says whether there was anything.
func (l *line) cut(limit float64) bool {
	found := false
	for i, v := range l.value {
		if limit > 0 && v > limit {
			l.value[i], found = limit, true
		}
	}
	return found
}

// The drawing's measures in pixels.
const (
	chartWidth, chartHeight   = 900.0, 180.0
	left, right, top, bottom  = 64.0, 8.0, 24.0, 22.0
	plotWidth, plotHeight     = chartWidth - left - right, chartHeight - top - bottom
	ticksAcross, ticksUpwards = 6, 4
)

// svg draws the plot. The axis of time says the wall's seconds and, if factor is above 1, the story's minutes.
func (c *chart) svg(factor int) string {
	end, most := c.extent()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, html.EscapeString(c.title))
	x := left
	fmt.Fprintf(&b, `<text x="%g" y="14" class="t">%s</text>`, x, html.EscapeString(c.title))
	x += 8*float64(len(c.title)) + 24
	for _, l := range c.lines {
		fmt.Fprintf(&b, `<text x="%g" y="14" class="%s">%s</text>`, x, l.class, html.EscapeString(l.name))
		x += 7*float64(len(l.name)) + 24
	}
	for i := range ticksUpwards + 1 {
		v := most * float64(i) / ticksUpwards
		y := top + plotHeight*(1-float64(i)/ticksUpwards)
		fmt.Fprintf(&b, `<path class="g" d="M%g %.1fH%g"/><text x="%g" y="%.1f" class="n">%s</text>`, left, y, chartWidth-right, left-6, y+4, short(v))
	}
	for i := range ticksAcross + 1 {
		at := end * time.Duration(i) / ticksAcross
		class := "m"
		if i == ticksAcross {
			class = "n"
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%g" class="%s">%s</text>`, left+plotWidth*float64(i)/ticksAcross, chartHeight-6, class, moment(at, factor))
	}
	for _, l := range c.lines {
		fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, l.class, l.path(end, most))
	}
	b.WriteString("</svg>")
	return b.String()
}

// extent is the last moment and a round number above the highest value.
func (c *chart) extent() (end time.Duration, most float64) {
	for _, l := range c.lines {
		most = max(most, l.highest())
		for _, at := range l.at {
			end = max(end, at)
		}
	}
	return max(end, time.Second), roundUp(most)
}

// roundUp gives 1, 2, 4 or 8 times a power of ten, which four ticks divide well.
func roundUp(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, times := range []float64{1, 2, 4, 8} {
		if v <= times*power {
			return times * power
		}
	}
	return 10 * power
}

func (l *line) path(end time.Duration, most float64) string {
	var b strings.Builder
	for i := range l.at {
		x := left + plotWidth*float64(l.at[i])/float64(end)
		y := top + plotHeight*(1-l.value[i]/most)
		switch {
		case i == 0:
			fmt.Fprintf(&b, "M%.1f %.1f", x, y)
		case l.stepped:
			fmt.Fprintf(&b, "H%.1fV%.1f", x, y)
		default:
			fmt.Fprintf(&b, "L%.1f %.1f", x, y)
		}
	}
	return b.String()
}

// short writes 40000 as 40k.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + "M"
	case v >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + "k"
	default:
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
}

func moment(at time.Duration, factor int) string {
	if factor <= 1 {
		return clock(at)
	}
	return fmt.Sprintf("%ds = %s", int(at.Round(time.Second).Seconds()), clock(at*time.Duration(factor)))
}
