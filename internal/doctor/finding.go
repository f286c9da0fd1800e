package doctor

// Verdict says how a link is.
type Verdict string

// The verdicts, from the best to the worst.
const (
	// OK means that the link does what it should.
	OK Verdict = "ok"
	// Skipped means that nothing can be said; the message has the reason.
	Skipped Verdict = "skipped"
	// Warning means that the chain works, though not as well as it should.
	Warning Verdict = "warning"
	// Failed means that the chain is broken here.
	Failed Verdict = "failed"
)

// The links, in the order of the chain.
const (
	linkCredentials  = "credentials"
	linkCluster      = "cluster"
	linkAutoscaler   = "autoscaler"
	linkMetric       = "metric"
	linkSelector     = "selector"
	linkProject      = "project"
	linkSubscription = "subscription"
	linkPermission   = "permission"
	linkSamples      = "samples"
	linkExporter     = "exporter"
	linkAPIService   = "apiservice"
	linkReading      = "reading"
	linkConditions   = "condition"
	linkPods         = "pods"
	linkWorkers      = "workers"
)

// Finding is the verdict on one link.
type Finding struct {
	// Link names the link and About what of it is meant, if there may be several: a permission, a subscription, a metric.
	Link  string `json:"link"`
	About string `json:"about,omitempty"`
	// Verdict says how it is, Message why, Cure what to do about it; the cure is empty when nothing is to be done.
	Verdict Verdict `json:"verdict"`
	Message string  `json:"message"`
	Cure    string  `json:"cure,omitempty"`
}

func fine(link, about, message string) Finding {
	return Finding{Link: link, About: about, Verdict: OK, Message: message}
}

func skipped(link, about, why string) Finding {
	return Finding{Link: link, About: about, Verdict: Skipped, Message: why}
}

func warning(link, about, message, cure string) Finding {
	return Finding{Link: link, About: about, Verdict: Warning, Message: message, Cure: cure}
}

func failed(link, about, message, cure string) Finding {
	return Finding{Link: link, About: about, Verdict: Failed, Message: message, Cure: cure}
}

// reportVersion changes when a field of the report changes its meaning or goes.
const reportVersion = 1

// Report is everything that was found, in the order of the chain. Its JSON form is stable: fields may be added.
type Report struct {
	Version int `json:"version"`
	// Target is what was looked at: a subscription's full name, or "hpa NAMESPACE/NAME".
	Target string `json:"target"`
	// Verdict is the worst of the links'; skipped ones count as well, because nothing is known to be wrong with them.
	Verdict Verdict   `json:"verdict"`
	Links   []Finding `json:"links"`
}

// newReport sums up.
func newReport(target string, links []Finding) Report {
	r := Report{Version: reportVersion, Target: target, Verdict: OK, Links: links}
	for i := range links {
		switch links[i].Verdict {
		case Failed:
			r.Verdict = Failed
		case Warning:
			if r.Verdict == OK {
				r.Verdict = Warning
			}
		default: // the others leave it as it is
		}
	}
	return r
}

// count returns how many links have the verdict.
func (r *Report) count(v Verdict) int {
	n := 0
	for i := range r.Links {
		if r.Links[i].Verdict == v {
			n++
		}
	}
	return n
}
