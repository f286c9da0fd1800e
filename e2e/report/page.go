package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed page.html
var pageText string

// Page renders the sections as one HTML file.
func Page(sections []*Section) (string, error) {
	parsed := template.Must(template.New("page").Funcs(template.FuncMap{"plots": plots, "clock": clock}).Parse(pageText))
	var page strings.Builder
	if err := parsed.Execute(&page, sections); err != nil {
		return "", fmt.Errorf("rendering the report: %w", err)
	}
	return page.String(), nil
}

// plots draws the track's plots, one below the other: pods, messages that wait, and messages per second if any arrived.
func plots(s *Section, t *Track) []template.HTML {
	charts := []chart{podsOf(t), waitingOf(t)}
	if n := len(t.Points); n > 0 && t.Points[n-1].Arrived > 0 {
		charts = append(charts, ratesOf(t))
	}
	drawn := make([]template.HTML, 0, len(charts))
	for _, c := range charts {
		drawn = append(drawn, template.HTML(c.svg(s.Factor))) //nolint:gosec // Our own drawing; its texts are escaped.
	}
	return drawn
}

func podsOf(t *Track) chart {
	desired, ready := line{name: "desired", class: "b", stepped: true}, line{name: "ready", class: "a", stepped: true}
	for i := range t.Points {
		p := &t.Points[i]
		desired.add(p.At, float64(p.Desired))
		ready.add(p.At, float64(p.Ready))
	}
	return chart{title: "pods", lines: []line{desired, ready}}
}

func waitingOf(t *Track) chart {
	truth, seen := line{name: "waiting", class: "a"}, line{name: "told", class: "b", stepped: true}
	for i := range t.Points {
		p := &t.Points[i]
		if p.Backlog != nil {
			truth.add(p.At, float64(*p.Backlog))
		}
		if p.Metric != nil {
			seen.add(p.At, *p.Metric)
		}
	}
	return chart{title: "what waits, and what the autoscaler is told", lines: []line{seen, truth}}
}

// ratesOf takes the rate over the points of about a fiftieth of the time, so that the line can be read.
func ratesOf(t *Track) chart {
	arrived, handled := line{name: "arriving", class: "b"}, line{name: "handled", class: "a"}
	if len(t.Points) > 1 {
		window := t.Points[len(t.Points)-1].At / 50
		from := t.Points[0]
		for _, p := range t.Points[1:] {
			if p.At-from.At < window || p.At == from.At {
				continue
			}
			seconds := (p.At - from.At).Seconds()
			arrived.add(p.At, float64(p.Arrived-from.Arrived)/seconds)
			handled.add(p.At, float64(p.Handled-from.Handled)/seconds)
			from = p
		}
	}
	title := "per second"
	if arrived.cut(2 * handled.highest()) { // A burst is published faster than anything is handled.
		title += ", bursts cut off"
	}
	return chart{title: title, lines: []line{arrived, handled}}
}
