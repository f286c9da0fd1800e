package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"spillway/internal/backlog"
	"spillway/internal/doctor/cluster"
)

// maxSubjects is how many of an autoscaler's subscriptions are looked at.
const maxSubjects = 10

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
	target := strings.TrimSpace("hpa " + strings.Trim(c.scaler.namespace+"/"+c.scaler.name, "/"))
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
		return failed(linkCluster, "", words(a.kubeErr), "name a cluster by --kubeconfig and --context; what needs none is looked at by: spillway doctor projects/P/subscriptions/S")
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
	if d.Metric == backlog.Backlog || d.Metric.Estimated() {
		d, _ = backlog.Describe(backlog.NumUndeliveredMessages.Name())
	}
	return d
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
