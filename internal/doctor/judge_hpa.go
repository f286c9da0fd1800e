package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"spillway/internal/ask"
	"spillway/internal/config"
	"spillway/internal/doctor/cluster"
)

// autoscalerFacts is the autoscaler, or why there is none.
type autoscalerFacts struct {
	namespace, name string
	found           cluster.Autoscaler
	err             error
	// others are the names of the namespace's autoscalers, where the one that was meant is not clear.
	others []string
}

// judgeAutoscaler judges whether the autoscaler is there.
func judgeAutoscaler(f *autoscalerFacts) Finding {
	about := f.namespace + "/" + f.name
	switch {
	case f.err == nil && f.name == "":
		if len(f.others) == 0 {
			return failed(linkAutoscaler, f.namespace, "no autoscaler of the namespace asks for a metric of Pub/Sub", "name one as hpa/NAME, or another namespace by --namespace")
		}
		return failed(linkAutoscaler, f.namespace, "several autoscalers of the namespace ask for metrics of Pub/Sub",
			"name one: hpa/"+strings.Join(f.others, ", hpa/"))
	case f.err != nil && cluster.FaultOf(f.err) == cluster.NotFound:
		cure := "see kubectl get hpa --all-namespaces, and name its namespace by --namespace"
		if near, ok := config.Nearest(f.name, f.others); ok {
			cure = "did you mean hpa/" + near + "?"
		}
		return failed(linkAutoscaler, about, "there is no such autoscaler", cure)
	case f.err != nil:
		verb := "get"
		if f.name == "" {
			verb = "list"
		}
		return refused(linkAutoscaler, about, f.err, right{"autoscaling", "horizontalpodautoscalers", verb, f.namespace})
	default:
		a := &f.found
		return fine(linkAutoscaler, about, fmt.Sprintf("it scales %s between %d and %d pods, has %d and wants %d", a.Target, a.Min, a.Max, a.Current, a.Desired))
	}
}

// external is one metric of the autoscaler: what it asks for, and what it is answered.
type external struct {
	cluster.External
	// asked is what it means, refusal why it means nothing.
	asked   *ask.Ask
	refusal error
	reading readingFacts
}

// judgeMetric judges a metric's name. Those of others are right when somebody answers them.
func judgeMetric(book *ask.Book, e *external) Finding {
	definition, err := book.Find(e.Name)
	switch {
	case err == nil:
		return fine(linkMetric, e.Name, "it is "+definition.Metric.Name()+" of Pub/Sub, target "+e.Want)
	case book.Ours(e.Name):
		return failed(linkMetric, e.Name, words(err), "correct the metric's name in the autoscaler")
	case e.reading.answered():
		return fine(linkMetric, e.Name, "it is not Pub/Sub's, and somebody answers it")
	default:
		if near, ok := config.Nearest(e.Name, book.Names()); ok {
			return failed(linkMetric, e.Name, "nobody answers a metric of this name", fmt.Sprintf("did you mean %q?", near))
		}
		return failed(linkMetric, e.Name, "it is not a metric of Pub/Sub, and nobody answers it",
			"correct its name, for example pubsub.googleapis.com|subscription|num_undelivered_messages, or give the exporter a --delegate that knows it")
	}
}

// selectable are the labels that series of Pub/Sub have, with plain keys.
func selectable() []string {
	return []string{"subscription_id", "project_id", "region", "delivery_type", "response_code", "status", "criteria", "type", "unit", "resource.type"}
}

// judgeSelector judges the labels of a selector and their values. regions and the like are known from the samples.
func judgeSelector(e *external, samples map[string][]string) Finding {
	if e.Err != nil {
		return failed(linkSelector, e.Name, "the selector does not parse: "+words(e.Err), "correct it: kubectl explain hpa.spec.metrics.external.metric.selector")
	}
	if key, near, wrong := misspelt(e); wrong {
		return failed(linkSelector, e.Name, fmt.Sprintf("no series has the label %q", key), near)
	}
	if e.refusal != nil {
		return failed(linkSelector, e.Name, words(e.refusal), "correct the selector in the autoscaler")
	}
	if e.asked == nil {
		return skipped(linkSelector, e.Name, "the metric is not known")
	}
	if e.asked.Open() {
		if e.reading.answered() {
			return fine(linkSelector, e.Name, "it names no subscription and means all of "+strings.Join(e.asked.Projects, ", "))
		}
		return failed(linkSelector, e.Name, ask.Unselected(e.Selector).Message, "name the subscription in the selector")
	}
	if bad, ok := wrongValue(e, samples); ok && !e.reading.answered() {
		return bad
	}
	names := make([]string, len(e.asked.Subscriptions))
	for i, sub := range e.asked.Subscriptions {
		names[i] = sub.String()
	}
	return fine(linkSelector, e.Name, "it names "+strings.Join(names, ", "))
}

// misspelt finds a key that no series has, with the nearest one that they have. Adapters over Prometheus may know other
// labels, so a key that is near to none is wrong only where nobody answers.
func misspelt(e *external) (key, cure string, wrong bool) {
	if e.Selector == nil {
		return "", "", false
	}
	requirements, _ := e.Selector.Requirements()
	for _, r := range requirements {
		plain := ask.Plain(r.Key())
		if slices.Contains(selectable(), plain) {
			continue
		}
		if near, ok := config.Nearest(plain, selectable()); ok {
			return r.Key(), "did you mean " + strings.TrimSuffix(r.Key(), plain) + near + "?", true
		}
		if !e.reading.answered() {
			return r.Key(), "take it out, or use one of " + strings.Join(selectable(), ", "), true
		}
	}
	return "", "", false
}

// wrongValue finds a value of a label that the samples do not have.
func wrongValue(e *external, samples map[string][]string) (Finding, bool) {
	known := map[string][]string{"resource.type": {"pubsub_subscription"}}
	maps.Copy(known, samples)
	for _, label := range selectable() {
		values, named := e.asked.Named(label)
		if !named || known[label] == nil {
			continue
		}
		for _, v := range values {
			if slices.Contains(known[label], v) {
				continue
			}
			cure := "use one of " + strings.Join(known[label], ", ")
			if near, ok := config.Nearest(v, known[label]); ok {
				cure = "did you mean " + near + "?"
			}
			return failed(linkSelector, e.Name, fmt.Sprintf("no series has %s=%s", label, v), cure), true
		}
	}
	return Finding{}, false
}
