package doctor

import (
	"fmt"
	"strings"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/config"
	"spillway/internal/doctor/cluster"
)

// exporterPage is what the exporter said.
type exporterPage struct {
	// where it was asked; empty when none was found, then none says why.
	where string
	none  string
	// service is set when it was found through its Service.
	service  cluster.Service
	families exposition
	err      error
}

// judgeExporter judges the series that the exporter has of one metric of a subscription.
func judgeExporter(p exporterPage, sub backlog.Subscription, metric backlog.Definition) Finding {
	about := sub.ID
	short := metric.Metric.Short()
	labels := map[string]string{"project_id": sub.Project, "subscription_id": sub.ID}
	switch {
	case p.where == "":
		return skipped(linkExporter, about, p.none)
	case p.err != nil && cluster.FaultOf(p.err) == cluster.Forbidden:
		return refused(linkExporter, about, p.err, right{"", "services/proxy", "get", p.service.Namespace})
	case p.err != nil:
		return failed(linkExporter, about, p.where+": "+words(p.err), "check that its pods are ready and what they log")
	case !exports(p.families):
		return failed(linkExporter, about, p.where+" does not answer as a backlog-exporter", "give the exporter's own URL as --exporter")
	}
	state := stateOf(p.families, short, labels)
	if state == "" {
		return unwatched(p, sub, short)
	}
	age, _ := p.families.series(short+"_sample_age_seconds", labels)
	old := round(time.Duration(age * float64(time.Second)))
	switch state {
	case backlog.Fresh.String():
		value, _ := p.families.series(short, labels)
		return fine(linkExporter, about, fmt.Sprintf("%s says %g, fresh, sampled %s ago", p.where, value, old))
	case backlog.Held.String():
		return warning(linkExporter, about, fmt.Sprintf("%s repeats the last value of %s ago, because nothing newer came", p.where, old),
			"wait: it holds for some minutes, then the series vanishes and the autoscaler keeps its replicas")
	default:
		return absent(p, sub, labels)
	}
}

// exports reports whether the page has any series of an exporter.
func exports(families exposition) bool {
	for name := range families {
		if strings.HasPrefix(name, "pubsub_exporter_") || strings.HasPrefix(name, "pubsub_subscription_") {
			return true
		}
	}
	return false
}

// stateOf returns the state of a reading; empty when the exporter does not have it.
func stateOf(families exposition, short string, labels map[string]string) string {
	for _, m := range families[short+"_sample_state"].GetMetric() {
		if has(m, labels) && m.GetGauge().GetValue() == 1 {
			return labelOf(m, "state")
		}
	}
	return ""
}

// unwatched judges a subscription that the exporter does not read.
func unwatched(p exporterPage, sub backlog.Subscription, short string) Finding {
	cure := "start it with --kube so that it finds the autoscaler, or with --subscription=" + sub.String()
	if near, ok := config.Nearest(sub.ID, p.families.values(short+"_sample_state", "subscription_id")); ok {
		cure += "; it reads " + near
	}
	return failed(linkExporter, sub.ID, fmt.Sprintf("%s does not read %s", p.where, strings.TrimPrefix(short, "pubsub_subscription_")), cure)
}

// absent judges a reading without a value by the reason that the exporter gives.
func absent(p exporterPage, sub backlog.Subscription, labels map[string]string) Finding {
	_, m := p.families.series(backlog.Backlog.Short()+"_reason", labels)
	reason := backlog.Reason(labelOf(m, "reason"))
	about := sub.ID
	switch reason {
	case backlog.ReasonForbidden:
		return failed(linkExporter, about, p.where+" may not read Cloud Monitoring ("+string(reason)+")",
			grant(sub, permission{role: "roles/monitoring.viewer"})+", with the exporter's account")
	case backlog.ReasonMissing, backlog.ReasonDeleted:
		return failed(linkExporter, about, p.where+" says that there is no such subscription ("+string(reason)+")", "see to the subscription and its project")
	case backlog.ReasonIdle:
		return failed(linkExporter, about, p.where+" has had no sample for long, though the subscription exists (idle)", "publish a message, or give the exporter --idle-as-zero")
	case backlog.ReasonNotPolled:
		return warning(linkExporter, about, p.where+" has not asked Cloud Monitoring yet", "look again after a minute")
	case backlog.ReasonFailing:
		return failed(linkExporter, about, p.where+" cannot read Cloud Monitoring ("+string(reason)+")", "see its log and pubsub_exporter_api_calls_total by code")
	case backlog.ReasonNone:
		return failed(linkExporter, about, p.where+" has no value of it", "see the page at / of the exporter, which says why")
	default:
		return failed(linkExporter, about, p.where+" has no value of it ("+string(reason)+")", "see the page at / of the exporter, which says why")
	}
}
