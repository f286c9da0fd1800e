package export

import (
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/webstyle"
)

// page shows the board to people: as HTML to a browser, else as text.
func page(current *Current, now func() time.Time) http.Handler {
	html := template.Must(template.New("page").Parse(pageHTML))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		view := current.load().view(now())
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", webstyle.Policy())
			_ = html.Execute(w, view) // A connection that breaks meanwhile is the reader's affair.
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		view.write(w)
	})
}

// boardView is what the page says.
type boardView struct {
	Backlog  string
	Sections []sectionView
}

// sectionView is a project.
type sectionView struct {
	Project, Last string
	Subscriptions int
	Rows          []rowView
}

// rowView is what a reader of one metric of a subscription would be answered: the value, or why there is none.
type rowView struct{ Subscription, Name, Metric, Value, Unit, State, Age, Series, AskedBy, Why string }

// view lists every reading at now.
func (b *board) view(now time.Time) boardView {
	v := boardView{Backlog: b.backlog.Name()}
	for _, s := range b.sections {
		section := sectionView{Project: s.project, Last: "none yet", Subscriptions: len(s.ids)}
		if !s.complete.IsZero() {
			section.Last = now.Sub(s.complete).Round(time.Second).String() + " ago"
		}
		for _, id := range s.ids {
			for _, c := range s.columns {
				if r := c.row(id); r != nil && !c.def.Metric.OfTopic() {
					section.Rows = append(section.Rows, s.rowView(c, r, now))
				}
			}
		}
		v.Sections = append(v.Sections, section)
	}
	return v
}

func (s *section) rowView(c *column, r *row, now time.Time) rowView {
	j := c.judge(r, now)
	value, age := "error", "-"
	if j.total.State != backlog.Absent {
		value, age = number(j.total.Value), j.total.Age.Round(time.Second).String()
	}
	reason := s.reason(c, r, j)
	why := s.why(c, r, j, reason)
	if reason != backlog.ReasonNone {
		why = string(reason) + ": " + why
	}
	return rowView{
		Subscription: r.id, Name: backlog.Subscription{Project: s.project, ID: r.id}.String(), Metric: c.def.Metric.Name(), Value: value, Unit: c.def.Unit,
		State: j.total.State.String(), Age: age, Series: parts(c.series(r, now)), AskedBy: strings.Join(s.wants[r.id].by, ", "), Why: why,
	}
}

// write is the view as text.
func (v boardView) write(out io.Writer) {
	fmt.Fprintf(out, "backlog-exporter. Series: /metrics. Estimates explained: /explain?subscription=NAME. Health: /livez, /readyz. The backlog is %s.\n", v.Backlog)
	if len(v.Sections) == 0 {
		fmt.Fprintln(out, "\nNo subscription is watched.")
	}
	for _, s := range v.Sections {
		fmt.Fprintf(out, "\nProject %s: %d subscriptions, last complete poll %s.\n\n", s.Project, s.Subscriptions, s.Last)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "SUBSCRIPTION\tMETRIC\tVALUE\tUNIT\tSTATE\tAGE\tSERIES\tASKED BY\tWHY")
		for _, r := range s.Rows {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Subscription, r.Metric, r.Value, r.Unit, r.State, r.Age, r.Series, r.AskedBy, r.Why)
		}
		_ = table.Flush()
	}
}

// parts lists labelled series: "europe-west1=5 us-east1=6 (held)".
func parts(series []backlog.Series) string {
	var list []string
	for _, one := range series {
		var labels []string
		for _, l := range one.Labels {
			labels = append(labels, l.Value)
		}
		if len(labels) == 0 {
			continue
		}
		text := strings.Join(labels, "/") + "=" + number(one.Value)
		if one.State != backlog.Fresh {
			text += " (" + one.State.String() + ")"
		}
		list = append(list, text)
	}
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, " ")
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
