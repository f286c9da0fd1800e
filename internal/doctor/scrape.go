package doctor

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"spillway/internal/doctor/cluster"
)

const (
	// maxWorkers is how many of an autoscaler's pods are looked at.
	maxWorkers = 10
	// maxPorts is how many other ports of a pod are tried for its metrics.
	maxPorts = 4
)

// around are the questions that need the autoscaler alone.
func (a *App) around(c *chain) []question {
	questions := []question{
		{"who serves external metrics", func(ctx context.Context) { c.service.service, c.service.err = a.kube.APIService(ctx) }},
		{"the exporter", func(ctx context.Context) { a.findExporter(ctx, c) }},
		{"the pods", func(ctx context.Context) { c.pods, c.podsErr = a.kube.Pods(ctx, c.scaler.found.Target) }},
	}
	for _, e := range c.metrics {
		if e.Err != nil {
			continue
		}
		e.reading = readingFacts{asked: true, namespace: c.scaler.namespace, name: e.Name, freshFor: a.opts.FreshFor}
		questions = append(questions, question{"what the autoscaler reads", func(ctx context.Context) {
			e.reading.items, e.reading.err = a.kube.Reading(ctx, e.Name, e.Selector)
			e.reading.now = a.now()
		}})
	}
	for _, s := range c.subjects {
		questions = append(questions, a.asking(s)...)
	}
	return questions
}

// findExporter finds the exporter's Service unless a URL was given, and reads its series.
func (a *App) findExporter(ctx context.Context, c *chain) {
	found, err := a.kube.Exporters(ctx)
	c.service.exporters = found
	switch {
	case a.opts.Exporter != "":
		c.page = exporterPage{where: a.opts.Exporter}
		a.scrapeExporter(ctx, &c.page)
	case err != nil && cluster.FaultOf(err) == cluster.Forbidden:
		c.page.none = "the exporter's Service may not be looked for, which takes the right to list services; give --exporter"
	case err != nil:
		c.page.none = "the exporter's Service could not be looked for: " + words(err)
	case len(found) == 0 || found[0].Port == "":
		c.page.none = "the cluster has no Service with the label app.kubernetes.io/name=backlog-exporter and a port called metrics; give --exporter"
	default:
		service := nearest(found, a.opts.Namespace)
		c.page = exporterPage{where: "the exporter " + service.String(), service: service}
		c.page.families, c.page.err = read(a.kube.ScrapeService(ctx, service))
	}
}

// nearest returns the exporter of the namespace if it has one of its own, else the first.
func nearest(found []cluster.Service, namespace string) cluster.Service {
	for _, s := range found {
		if s.Namespace == namespace && s.Port != "" {
			return s
		}
	}
	return found[0]
}

// scrapeExporter reads the series of the exporter whose URL was given. What is told of the URL has no password.
func (a *App) scrapeExporter(ctx context.Context, p *exporterPage) {
	at := strings.TrimSuffix(strings.TrimSuffix(a.opts.Exporter, "/"), "/metrics")
	p.families, p.err = read(cluster.Get(ctx, a.http, at+"/metrics"))
	p.where = "the exporter"
	if u, err := url.Parse(at); err == nil {
		p.where += " at " + u.Host
	}
}

// behind are the questions to the pods, each about one.
func (a *App) behind(c *chain) []question {
	for i := range c.pods {
		if p := c.pods[i]; p.Ready && len(c.workers) < maxWorkers {
			c.workers = append(c.workers, worker{pod: p})
		}
	}
	questions := make([]question, 0, len(c.workers))
	for i := range c.workers {
		w := &c.workers[i]
		questions = append(questions, question{"metrics of " + w.pod.Name, func(ctx context.Context) { a.scrapeWorker(ctx, w) }})
	}
	return questions
}

// scrapeWorker reads a pod's metrics where it says they are, and looks for them at its other ports if they are not there.
func (a *App) scrapeWorker(ctx context.Context, w *worker) {
	w.endpoint, _ = endpointOf(&w.pod)
	w.err = fmt.Errorf("%w: it names no port", errNoMetrics)
	if w.port != 0 {
		w.families, w.err = read(a.kube.ScrapePod(ctx, w.pod, w.port, w.path))
		if (w.err == nil && isWorker(w.families)) || cluster.FaultOf(w.err) == cluster.Forbidden {
			return
		}
	}
	for i, port := range w.pod.Ports {
		if port.Number == w.port || i >= maxPorts {
			continue
		}
		if families, err := read(a.kube.ScrapePod(ctx, w.pod, port.Number, w.path)); err == nil && isWorker(families) {
			w.answers = port.Number
			return
		}
	}
}
