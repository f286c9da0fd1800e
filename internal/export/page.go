package export

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"spillway/internal/backlog"
)

// page shows the board to people, as text.
func page(b *atomic.Pointer[board], limits backlog.Limits, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		write(w, b.Load(), now(), limits)
	})
}

// write lists every reading at now. A connection that breaks meanwhile is the reader's affair.
func write(out io.Writer, b *board, now time.Time, limits backlog.Limits) {
	last := "none yet"
	if !b.complete.IsZero() {
		last = now.Sub(b.complete).Round(time.Second).String() + " ago"
	}
	fmt.Fprintf(out, "backlog-exporter: last complete poll %s. Series: /metrics. Health: /livez, /readyz.\n\n", last)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SUBSCRIPTION\tMETRIC\tVALUE\tUNIT\tSTATE\tAGE")
	for _, sub := range b.subs {
		for _, l := range b.levels {
			r := b.read(id{l.metric, sub}, now, limits)
			value, age := "-", "-"
			if r.State != backlog.Absent {
				value, age = strconv.FormatFloat(r.Value, 'f', -1, 64), r.Age.Round(time.Second).String()
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", sub, l.short(), value, l.unit, r.State, age)
		}
	}
	_ = table.Flush()
}
