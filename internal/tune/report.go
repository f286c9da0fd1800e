package tune

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"os"
	"strconv"
	"strings"

	"spillway/internal/sim"
)

//go:embed report.html.tmpl
var reportTemplate string

// around is how much of the trace before and after an onset has plots of its own, in seconds.
const (
	aroundBefore = 600
	aroundAfter  = 3000
)

// section is a stretch of the trace with its plots.
type section struct {
	Title  string
	Charts []template.HTML
}

// reportData is what the template shows.
type reportData struct {
	*Answer
	Rows     []reportRow
	Laws     string
	Notes    []string
	YAML     string
	Sections []section
}

// reportRow is a policy's line of the table.
type reportRow struct {
	Class   string
	Verdict string
	Right   string
	Played
}

// writeReport writes the report to a file: it has everything in itself and fetches nothing.
func writeReport(name string, a *Answer, yaml string) error {
	page, err := report(a, yaml)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, page, 0o644); err != nil { //nolint:gosec // a report is for everybody
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func report(a *Answer, yaml string) ([]byte, error) {
	data := reportData{Answer: a, Laws: a.Laws.Text(target(a.Present)), Notes: a.notes(), YAML: yaml}
	for i, p := range a.Played {
		row := reportRow{Played: p, Class: class(i, len(a.Played)), Right: "–"}
		if p.Target > 0 {
			row.Verdict = fmt.Sprintf("%.2f, %s", a.Laws.Gain(p.Target), a.Laws.Verdict(p.Target))
		}
		if p.Outcome.RightSize >= 0 {
			row.Right = strconv.Itoa(p.Outcome.RightSize)
		}
		data.Rows = append(data.Rows, row)
	}
	end := len(a.Trace.Arrived)
	data.Sections = append(data.Sections, section{"All of it", plots(a, 0, end)})
	if t := a.Trace.Onset; t > 0 && end > aroundBefore+aroundAfter {
		data.Sections = append(data.Sections, section{"Around the steepest step", plots(a, max(0, t-aroundBefore), min(end, t+aroundAfter))})
	}
	page, err := template.New("report").Funcs(template.FuncMap{"hours": hours}).Parse(reportTemplate)
	if err != nil {
		return nil, fmt.Errorf("reading the report's template: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("filling in the report: %w", err)
	}
	return out.Bytes(), nil
}

// styles are how many there are; the last one is ours.
const styles = 5

// class is the style of a policy's line, everywhere in the report. The last of n has the last style, whatever is missing before it.
func class(i, n int) string { return fmt.Sprintf("s%d", max(0, i+styles-n)) }

// plots are the four of a stretch.
func plots(a *Answer, from, to int) []template.HTML {
	of := func(value func(sim.Point) float64) []line {
		var lines []line
		for i, p := range a.Played {
			lines = append(lines, lineOf(p.Name, class(i, len(a.Played)), p.Outcome.Timeline, from, to, value))
		}
		return lines
	}
	desired := a.desired()
	arrivals := []line{lineOf("arrivals", "arrivals", desired.Outcome.Timeline, from, to, func(p sim.Point) float64 { return p.Arrived })}
	slo := line{name: "SLO", class: "bound", xs: []float64{float64(from), float64(to)}, ys: []float64{a.Laws.SLO, a.Laws.SLO}}
	floor := lineOf("floor", "bound", desired.Outcome.Timeline, from, to, func(p sim.Point) float64 {
		return min(max(float64(max(1, desired.Policy.Spec.MinReplicas)), ceil(p.Arrived/a.Laws.Capacity)), float64(a.Max))
	})
	charts := []chart{
		{title: "Arrivals", unit: "messages a second", lines: arrivals},
		{title: "Backlog", unit: "messages", lines: of(func(p sim.Point) float64 { return p.Backlog })},
		{title: "Replicas", unit: "pods", lines: append([]line{floor}, of(func(p sim.Point) float64 { return float64(p.Replicas) })...), steps: true},
		{title: "Oldest waiting message", unit: "seconds", lines: append([]line{slo}, of(func(p sim.Point) float64 { return p.Oldest })...)},
	}
	out := make([]template.HTML, len(charts))
	for i, c := range charts {
		c.from, c.to = float64(from), float64(to)
		out[i] = template.HTML(c.svg()) //nolint:gosec // svg escapes the names, the rest are numbers
	}
	return out
}

// Legend is the class and the name of each policy.
func (d reportData) Legend() []reportRow { return d.Rows }

// Sentences are those of the recommendation.
func (d reportData) Sentences() []string { return strings.Split(d.Recommendation(), "\n") }
