package consume

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"spillway/internal/webstyle"
)

// page is the state of the worker for a person's eyes.
const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Spillway worker</title>
<style>{{.Style}}</style></head>
<body><h1>Spillway worker</h1>
<p class="soft"><a href="/readyz">readiness</a> · <a href="/livez">liveness</a> · <a href="/metrics">metrics</a></p>
{{range .Flows}}<section class="card"><h2>{{.Subscription}}</h2><div class="wide"><table><tbody>
{{range .Rows}}<tr><th scope="row">{{.Name}}</th><td{{if eq .Value "ok"}} class="good"{{end}}>{{.Value}}</td></tr>
{{end}}</tbody></table></div></section>
{{end}}</body></html>
`

type flowState struct {
	Subscription string
	Rows         []statusRow
}

type statusRow struct{ Name, Value string }

// status answers 200 with the flows' state, as text or, to a browser, as HTML.
func (a *App) status() http.Handler {
	html := template.Must(template.New("status").Parse(page))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		states := a.states()
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", webstyle.Policy())
			_ = html.Execute(w, map[string]any{"Style": template.CSS(webstyle.CSS), "Flows": states}) //nolint:gosec // Our own stylesheet.
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		for _, s := range states {
			fmt.Fprintf(w, "%s\n", s.Subscription)
			for _, row := range s.Rows {
				fmt.Fprintf(w, "%-16s %s\n", row.Name, row.Value)
			}
		}
	})
}

func (a *App) states() []flowState {
	states := make([]flowState, 0, len(a.lanes))
	for _, l := range a.lanes {
		states = append(states, flowState{Subscription: l.sub.String(), Rows: a.rows(l)})
	}
	return states
}

// rows are what there is to say of a lane: nothing of a stream or a target that it does not have.
func (a *App) rows(l *lane) []statusRow {
	rows := []statusRow{{"name", l.name}, {"receives by", l.opts.Receive}}
	if l.source != nil {
		rows = append(rows, statusRow{"stream", a.stream(l)})
	}
	if l.target != nil {
		rows = append(rows, statusRow{"target", verdict(l.flow.gate.ready())})
	}
	return append(
		rows,
		statusRow{"handlers", verdict(l.wedged(time.Now()))},
		statusRow{"taking messages", a.taking(l)},
		statusRow{"in flight", fmt.Sprintf("%d of %d", l.flow.slots.held(), l.opts.Concurrency)},
		statusRow{"held back", strconv.FormatInt(l.flow.slots.resting.Load(), 10)},
	)
}

// stream says how the lane's stream is. It stays ready while it is closed on purpose.
func (a *App) stream(l *lane) string {
	switch {
	case a.draining.Load():
		return "closed"
	case l.flow.gate.pausing():
		return "paused"
	}
	return verdict(l.ready())
}

// taking says whether a message that comes now is given to the handler.
func (a *App) taking(l *lane) string {
	err := cmp.Or(a.notDraining(), l.flow.gate.holding())
	if err == nil && !l.opts.pushed() {
		err = l.ready()
	}
	if err != nil {
		return "no: " + err.Error()
	}
	return "ok"
}

func verdict(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}
