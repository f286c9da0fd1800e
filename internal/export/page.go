package export

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"spillway/internal/backlog"
)

// page shows the board to people, as text.
func page(current *Current, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		current.load().write(w, now())
	})
}

// write lists every reading at now. A connection that breaks meanwhile is the reader's affair.
func (b *board) write(out io.Writer, now time.Time) {
	fmt.Fprintf(out, "backlog-exporter. Series: /metrics. Estimates explained: /explain?subscription=NAME. Health: /livez, /readyz. The backlog is %s.\n", b.backlog.Name())
	if len(b.sections) == 0 {
		fmt.Fprintln(out, "\nNo subscription is watched.")
	}
	for _, s := range b.sections {
		last := "none yet"
		if !s.complete.IsZero() {
			last = now.Sub(s.complete).Round(time.Second).String() + " ago"
		}
		fmt.Fprintf(out, "\nProject %s: %d subscriptions, last complete poll %s.\n\n", s.project, len(s.ids), last)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "SUBSCRIPTION\tMETRIC\tVALUE\tUNIT\tSTATE\tAGE\tSERIES\tASKED BY\tWHY")
		for _, id := range s.ids {
			for _, c := range s.columns {
				if r := c.row(id); r != nil && !c.def.Metric.OfTopic() {
					s.line(table, c, r, now)
				}
			}
		}
		_ = table.Flush()
	}
}

// line says what a reader would be answered now: the value, or why there is none.
func (s *section) line(table io.Writer, c *column, r *row, now time.Time) {
	j := c.judge(r, now)
	text, age := "error", "-"
	if j.total.State != backlog.Absent {
		text, age = number(j.total.Value), j.total.Age.Round(time.Second).String()
	}
	reason := s.reason(c, r, j)
	why := s.why(c, r, j, reason)
	if reason != backlog.ReasonNone {
		why = string(reason) + ": " + why
	}
	fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.id, c.def.Metric.Name(), text, c.def.Unit, j.total.State, age,
		parts(c.series(r, now)), strings.Join(s.wants[r.id].by, ", "), why)
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
