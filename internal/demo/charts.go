package demo

import (
	"strings"
	"time"
)

// charts draws the story's progress and the history on one axis of time, which leaves room after the story's end.
func (v view) charts(f Frame, width int) []string {
	room := width - labelWidth - valueWidth
	span := max(int(axis(v.story)/historyStep), len(f.History))
	top := max(float64(max(f.PeakBacklog.Messages, f.PeakMonitoring.Messages)), averageValue/float64(v.pace)) // At least what one worker is worth.
	lines := []string{
		strings.Repeat(" ", labelWidth) + v.names(span, room),
		row("story", v.progress(f, span, room)) + value(clock(f.Told)),
	}
	chart := func(label string, of func(Point) float64, top float64, peak string) {
		lines = append(lines, chart(label, spread(pick(f, of), span, room), top, room, peak)...)
	}
	chart("backlog", func(p Point) float64 { return messages(p.Backlog) }, top, level(f.PeakBacklog))
	chart("Monitoring", func(p Point) float64 { return messages(p.Monitoring) }, top, level(f.PeakMonitoring))
	chart("replicas", func(p Point) float64 { return float64(p.Replicas) }, maxReplicas, number(int64(f.Most)))
	return lines
}

// axis is the time that the charts leave room for: the story and a quarter more.
func axis(s Story) time.Duration { return s.Length() * 5 / 4 }

// names writes each phase's name where it begins, and as much of it as there is room for.
func (v view) names(span, room int) string {
	column := func(at time.Duration) int { return min(int(at/historyStep)*room/span, room) }
	var line strings.Builder
	for _, p := range v.story {
		begin := v.story.Begin(p.Name)
		line.WriteString(fit(p.Name, column(begin+p.Lasts)-column(begin)))
	}
	line.WriteString(fit("until calm", room-column(v.story.Length())))
	return line.String()
}

// fit makes s exactly width wide, with a space at its end if it was cut.
func fit(s string, width int) string {
	if len(s) > width {
		s = s[:max(0, width-1)]
	}
	return pad(s, width)
}

// progress is a line that fills up.
func (v view) progress(f Frame, span, room int) string {
	done := min(len(f.History)*room/span, room)
	return strings.Repeat("━", done) + strings.Repeat("╌", room-done)
}

// chart draws one series with its label and its peak on the first line.
func chart(label string, values []float64, top float64, room int, peak string) []string {
	lines := bars(values, top, chartRows)
	for i, line := range lines[1:] {
		lines[i+1] = row("", line)
	}
	lines[0] = row(label, pad(lines[0], room)) + value(peak)
	return lines
}

func pick(f Frame, of func(Point) float64) []float64 {
	values := make([]float64, len(f.History))
	for i, p := range f.History {
		values[i] = of(p)
	}
	return values
}

func messages(l Level) float64 {
	if !l.Known {
		return -1
	}
	return float64(l.Messages)
}
