package demo

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The view's measures in characters. Below minWidth it is cut off.
const (
	minWidth   = 60
	labelWidth = 14
	valueWidth = 10
	chartRows  = 3
)

// view draws frames of one story. It is pure.
type view struct {
	story Story
	pace  Pace
	color bool
}

// render returns the lines of a frame, none wider than width.
func (v view) render(f Frame, width int) []string {
	width-- // A line that fills the last column wraps on some terminals.
	room := max(width, minWidth)
	lines := []string{
		fmt.Sprintf(" spillway demo: a day of offer changes, told %s, %s", speed(v.pace), clock(f.Elapsed)),
		"",
		columns(room, row("arriving", rate(f.Arriving)), row("true backlog", level(f.Backlog))),
		columns(room, row("handled", rate(f.Handling)), row("Monitoring", shown(f.Monitoring))),
		columns(room, row("age p50/p99", p50p99(f.Latest)), row("replicas", replicas(f.Replicas))),
		row("autoscaler", explain(f.Reason)),
		row("messages", fate(f)),
		"",
	}
	lines = append(lines, v.charts(f, room)...)
	for _, fault := range f.Faults[max(0, len(f.Faults)-3):] {
		lines = append(lines, " ! "+fault)
	}
	for i, line := range lines {
		lines[i] = v.paint(clip(strings.TrimRight(line, " "), width), i == 0, strings.HasPrefix(line, " !") || (i == fateLine && troubled(f)))
	}
	return lines
}

// fateLine is the line on which a loss shows.
const fateLine = 6

func troubled(f Frame) bool { return f.Lost > 0 || f.Counts.Duplicated > 0 || f.Failed > 0 }

func fate(f Frame) string {
	text := fmt.Sprintf("%s published, %s handled, %s lost, %s duplicated",
		number(f.Counts.Published), number(f.Counts.Handled), number(f.Lost), number(f.Counts.Duplicated))
	if f.Failed > 0 {
		text += fmt.Sprintf(", %s not published", number(f.Failed))
	}
	return text
}

func row(label, text string) string { return pad(" "+label, labelWidth) + text }

func value(text string) string { return fmt.Sprintf("%*s", valueWidth, text) }

func columns(width int, left, right string) string { return clip(pad(left, width/2)+right, width) }

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

func clip(s string, width int) string {
	r := []rune(s)
	switch {
	case len(r) <= width:
		return s
	case width <= 0:
		return ""
	}
	return string(r[:width-1]) + "…"
}

func (v view) paint(line string, bold, red bool) string {
	switch {
	case v.color && red:
		return "\x1b[31m" + line + "\x1b[0m"
	case v.color && bold:
		return "\x1b[1m" + line + "\x1b[0m"
	default:
		return line
	}
}

// line is a frame in one line, for output that is not a terminal.
func (v view) line(f Frame) string {
	return fmt.Sprintf("%s %s: arriving %.0f/s, backlog %s, Monitoring %s, %s (%s), age p50/p99 %s, lost %d, duplicated %d",
		clock(f.Elapsed), phase(v.story, f.Told, f.Taken), f.Arriving, level(f.Backlog), shown(f.Monitoring), replicas(f.Replicas), cmp.Or(f.Reason, "starting"),
		p50p99(f.Latest), f.Lost, f.Counts.Duplicated)
}
