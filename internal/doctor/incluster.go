package doctor

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"spillway/internal/backlog"
	"spillway/internal/doctor/cluster"
)

// The bounds of one examination.
const (
	// maxSubjects is how many of an autoscaler's subscriptions are looked at, maxWorkers how many of its pods.
	maxSubjects = 10
	maxWorkers  = 10
	// maxPorts is how many other ports of a pod are tried for its metrics.
	maxPorts = 4
)

// chain is everything that was found out about one autoscaler.
type chain struct {
	scaler   autoscalerFacts
	metrics  []*external
	subjects []*subject
	left     int // subscriptions that were asked for beyond those
	service  serviceFacts
	page     exporterPage
	pods     []cluster.Pod
	podsErr  error
	workers  []worker
}

// examineAutoscaler walks the whole chain.
func (a *App) examineAutoscaler(ctx context.Context, name string) Report {
	c := &chain{}
	questions := append(a.dialing(), question{"the autoscaler", func(ctx context.Context) { a.findAutoscaler(ctx, c, name) }})
	a.together(ctx, questions)
	target := "hpa " + strings.Trim(c.scaler.namespace+"/"+c.scaler.name, "/")
	links := []Finding{judgeCredentials(a.google), a.judgeCluster()}
	if a.kubeErr != nil {
		return newReport(target, links)
	}
	links = append(links, judgeAutoscaler(&c.scaler))
	if c.scaler.err != nil || c.scaler.name == "" {
		return newReport(target, links)
	}
	a.understand(c)
	a.together(ctx, a.around(c))
	a.together(ctx, a.behind(c))
	return newReport(target, append(links, a.judgeChain(c)...))
}

// findAutoscaler connects to the cluster and reads the autoscaler, and its neighbours where it is not clear which was meant.
func (a *App) findAutoscaler(ctx context.Context, c *chain, name string) {
	c.scaler.namespace, c.scaler.name = a.opts.Namespace, name
	if a.kube == nil {
		client, err := cluster.Connect(cluster.Options{Kubeconfig: a.opts.Kubeconfig, Context: a.opts.Context, Namespace: a.opts.Namespace, Timeout: a.opts.Timeout})
		if err != nil {
			a.kubeErr = err
			return
		}
		a.kube, a.host, a.opts.Namespace = client, client.Host, client.Namespace
		c.scaler.namespace = client.Namespace
	}
	if name != "" {
		if c.scaler.found, c.scaler.err = a.kube.Autoscaler(ctx, name); c.scaler.err == nil {
			return
		}
	}
	all, err := a.kube.Autoscalers(ctx)
	if name == "" {
		c.scaler.err = err
	}
	for i := range all {
		if name != "" || a.concerned(&all[i]) {
			c.scaler.others = append(c.scaler.others, all[i].Name)
			if name == "" {
				c.scaler.found = all[i]
			}
		}
	}
	if name == "" && len(c.scaler.others) == 1 {
		c.scaler.name = c.scaler.others[0]
	}
}

// concerned reports whether an autoscaler asks for a metric of Pub/Sub.
func (a *App) concerned(s *cluster.Autoscaler) bool {
	return slices.ContainsFunc(s.Metrics, func(m cluster.External) bool { return a.book.Ours(m.Name) })
}

// judgeCluster judges whether there is a cluster to ask.
func (a *App) judgeCluster() Finding {
	if a.kubeErr != nil {
		return failed(linkCluster, "", words(a.kubeErr), "name a cluster by --kubeconfig and --context, or give a subscription to look at alone")
	}
	return fine(linkCluster, "", "namespace "+a.opts.Namespace+" at "+a.host)
}

// understand reads what the autoscaler asks for.
func (a *App) understand(c *chain) {
	for _, m := range c.scaler.found.Metrics {
		e := &external{External: m}
		c.metrics = append(c.metrics, e)
		if m.Err != nil || !a.book.Ours(m.Name) {
			continue
		}
		if e.asked, e.refusal = a.book.Parse(m.Name, m.Selector, a.opts.Project); e.refusal != nil {
			e.asked = nil
			if _, err := a.book.Find(m.Name); err != nil {
				e.refusal = nil // it is the name's fault and judged there
			}
			continue
		}
		for _, sub := range e.asked.Subscriptions {
			switch {
			case slices.ContainsFunc(c.subjects, func(s *subject) bool { return s.sub == sub }):
			case len(c.subjects) == maxSubjects:
				c.left++
			default:
				c.subjects = append(c.subjects, a.newSubject(sub, monitored(e.asked.Metric)))
			}
		}
	}
}

// monitored returns the metric of Cloud Monitoring behind one that autoscalers ask for.
func monitored(d backlog.Definition) backlog.Definition {
	if d.Metric == backlog.Backlog {
		d, _ = backlog.Describe(backlog.NumUndeliveredMessages.Name())
	}
	return d
}

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

// judgeChain judges every link of an autoscaler's chain, in its order.
func (a *App) judgeChain(c *chain) []Finding {
	var links []Finding
	answered := true
	for _, e := range c.metrics {
		links = append(links, judgeMetric(a.book, e))
		if !a.book.Ours(e.Name) {
			continue
		}
		selector := judgeSelector(e, a.values(c, e))
		links = append(links, selector)
		if selector.Verdict == OK && !e.reading.answered() && c.readable(e) {
			answered = false
		}
	}
	if len(c.metrics) == 0 {
		links = append(links, skipped(linkMetric, "", "the autoscaler asks for no External metric"))
	}
	for _, s := range c.subjects {
		links = append(links, a.judgeSubject(s)...)
		links = append(links, judgeExporter(c.page, s.sub, s.metric))
		if refused, found := judgeRefusedWorkers(c.workers, s.sub); found {
			links = append(links, refused)
		}
	}
	if c.left > 0 {
		links = append(links, skipped(linkSubscription, "", fmt.Sprintf("%d more of the selector's subscriptions are not looked at; name one as the argument", c.left)))
	}
	if len(c.metrics) > 0 {
		links = append(links, judgeAPIService(&c.service, answered))
	}
	for _, e := range c.metrics {
		links = append(links, judgeReading(&e.reading, e.Want))
	}
	links = append(links, judgeConditions(c.scaler.found.Conditions)...)
	links = append(links, judgePods(&c.scaler.found, c.pods, c.podsErr))
	return append(links, judgeWorkers(c.workers, c.scaler.namespace, "no pod is ready"))
}

// readable reports whether everything before the external metrics API is as it should be, so that whoever serves it has no
// reason not to answer.
func (c *chain) readable(e *external) bool {
	for _, s := range c.subjects {
		if slices.Contains(e.asked.Subscriptions, s.sub) && (judgeSubscription(s).Verdict == Failed || judgeSamples(s).Verdict == Failed) {
			return false
		}
	}
	return true
}

// values returns the values that the metric's labels have in the samples of the subscriptions that were asked for.
func (a *App) values(c *chain, e *external) map[string][]string {
	if e.asked == nil {
		return nil
	}
	for _, s := range c.subjects {
		if slices.Contains(e.asked.Subscriptions, s.sub) && s.metric.Metric == monitored(e.asked.Metric).Metric {
			return labelled(s.measured)
		}
	}
	return nil
}
