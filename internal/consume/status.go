package consume

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
)

// page is the state of the worker for a person's eyes.
const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Subscription}}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}td{padding-right:2rem}</style>
<h1>{{.Subscription}}</h1><table>{{range .Rows}}<tr><td>{{.Name}}</td><td>{{.Value}}</td></tr>{{end}}</table>
<p><a href="/readyz">readiness</a> · <a href="/livez">liveness</a> · <a href="/metrics">metrics</a></p></html>
`

type statusPage struct {
	Subscription string
	Rows         []statusRow
}

type statusRow struct{ Name, Value string }

// status answers 200 with the flow's state, as text or, to a browser, as HTML.
func (a *App) status() http.Handler {
	html := template.Must(template.New("status").Parse(page))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := a.state()
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_ = html.Execute(w, p)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "%s\n", p.Subscription)
		for _, row := range p.Rows {
			fmt.Fprintf(w, "%-16s %s\n", row.Name, row.Value)
		}
	})
}

func (a *App) state() statusPage {
	return statusPage{Subscription: a.sub.String(), Rows: []statusRow{
		{"stream", verdict(a.source.Ready())},
		{"handlers", verdict(a.flow.watch.check(time.Now()))},
		{"taking messages", verdict(a.notDraining())},
		{"in flight", fmt.Sprintf("%d of %d", a.flow.slots.held(), a.opts.Concurrency)},
	}}
}

func verdict(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}
