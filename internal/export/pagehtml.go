package export

import (
	"html/template"

	"spillway/internal/webstyle"
)

// Style is the look that all pages share.
func (v boardView) Style() template.CSS { return template.CSS(webstyle.CSS) } //nolint:gosec // Our own stylesheet.

// pageHTML is a boardView for a browser. States have a color each, and say what they are in words.
const pageHTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Spillway backlog-exporter</title>
<style>{{.Style}}</style></head>
<body><h1>Spillway backlog-exporter</h1>
<p class="soft"><a href="/metrics">series</a> · <a href="/readyz">readiness</a> · <a href="/livez">liveness</a> · the backlog is {{.Backlog}}; a subscription's
name leads to the arithmetic of its estimates</p>
{{range .Sections}}<section class="card"><h2>Project {{.Project}}</h2>
<p class="soft">{{.Subscriptions}} subscriptions, last complete poll {{.Last}}</p>
<div class="wide" tabindex="0" role="region" aria-label="Readings of project {{.Project}}"><table>
<thead><tr><th scope="col">subscription</th><th scope="col">metric</th><th scope="col">value</th><th scope="col">unit</th><th scope="col">state</th>
<th scope="col">age</th><th scope="col">series</th><th scope="col">asked by</th><th scope="col">why</th></tr></thead><tbody>
{{range .Rows}}<tr><th scope="row"><a href="/explain?subscription={{.Name}}">{{.Subscription}}</a></th><td>{{.Metric}}</td><td class="number">{{.Value}}</td><td>{{.Unit}}</td>
<td class="{{if eq .State "fresh"}}good{{else if eq .State "held"}}warn{{else}}bad{{end}}">{{.State}}</td><td>{{.Age}}</td><td>{{.Series}}</td><td>{{.AskedBy}}</td><td>{{.Why}}</td></tr>
{{end}}</tbody></table></div></section>
{{else}}<p class="card">No subscription is watched.</p>
{{end}}</body></html>
`
