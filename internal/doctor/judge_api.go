package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"spillway/internal/doctor/cluster"
)

// serviceFacts is who serves external metrics.
type serviceFacts struct {
	service cluster.APIService
	err     error
	// exporters are the exporter's Services; nil where they could not be listed.
	exporters []cluster.Service
}

// owner says in words whose a Service is, and whether it is the exporter's.
func (f *serviceFacts) owner() (words string, ours bool) {
	s := f.service
	for _, e := range f.exporters {
		if e.Namespace == s.Namespace && e.Name == s.Name {
			return "backlog-exporter (" + e.String() + ")", true
		}
	}
	at := " (" + s.Namespace + "/" + s.Name + ")"
	known := []struct{ part, owner string }{
		{"backlog-exporter", "backlog-exporter"},
		{"keda", "KEDA"},
		{"stackdriver", "the Stackdriver adapter"},
		{"prometheus", "the Prometheus adapter"},
		{"datadog", "Datadog"},
		{"kube-metrics-adapter", "kube-metrics-adapter"},
	}
	for _, k := range known {
		if strings.Contains(s.Name, k.part) {
			return k.owner + at, k.owner == "backlog-exporter"
		}
	}
	return "another adapter" + at, false
}

// judgeAPIService judges who serves external metrics. Another adapter is right if it answers every metric of ours that the
// autoscaler asks for.
func judgeAPIService(f *serviceFacts, answered bool) Finding {
	switch {
	case f.err != nil && cluster.FaultOf(f.err) == cluster.NotFound:
		return failed(linkAPIService, "", "the cluster has no APIService "+cluster.APIServiceName+", so nobody serves external metrics",
			"apply the exporter's component external-metrics, or install an adapter")
	case f.err != nil:
		return refused(linkAPIService, "", f.err, right{"apiregistration.k8s.io", "apiservices", "get", ""})
	}
	owner, ours := f.owner()
	switch {
	case !f.service.Available && f.service.Reason == "":
		return failed(linkAPIService, "", "the API server has not said yet whether it reaches "+owner, "look again after a few seconds")
	case !f.service.Available:
		return failed(linkAPIService, "", fmt.Sprintf("it belongs to %s and is unavailable (%s): %s", owner, f.service.Reason, oneLine(f.service.Message)), unavailable(f.service.Reason))
	case !ours && !answered:
		return failed(linkAPIService, "", "it belongs to "+owner+", which does not answer what the autoscaler asks",
			"point its spec.service at the exporter's Service, and give that adapter to the exporter as --delegate; "+
				"or, if its owner is to stay, ask for what it knows (KEDA: use the exporter's --keda-scaler)")
	case f.service.Unverified:
		return warning(linkAPIService, "", "it belongs to "+owner+", is available, and its certificate is not verified (insecureSkipTLSVerify)",
			"give the APIService a caBundle; the exporter keeps one with --external-metrics-service")
	default:
		return fine(linkAPIService, "", "it belongs to "+owner+" and is available")
	}
}

// unavailable is the cure for the API server's reasons.
func unavailable(reason string) string {
	switch reason {
	case "ServiceNotFound":
		return "the Service does not exist: apply it, or point spec.service at one that does"
	case "ServicePortError":
		return "the Service lacks the port of spec.service.port: correct one of them"
	case "ServiceAccessError", "EndpointsAccessError":
		return "the API server could not look at the Service: try again"
	case "EndpointsNotFound", "MissingEndpoints":
		return "no pod behind the Service is ready: look at its pods and their logs"
	case "FailedDiscoveryCheck":
		return "the API server cannot reach the pods or does not trust their certificate: check caBundle, network policies and firewall, and the pods' logs"
	default:
		return "look at the Service, its pods and their logs"
	}
}

// readingFacts is what the external metrics API answered when it was asked as the autoscaler asks.
type readingFacts struct {
	asked           bool
	namespace, name string
	items           []cluster.Item
	err             error
	now             time.Time
	freshFor        time.Duration
}

// answered reports whether there was a value.
func (f *readingFacts) answered() bool { return f.asked && f.err == nil && len(f.items) > 0 }

// judgeReading judges what the autoscaler gets.
func judgeReading(f *readingFacts, want string) Finding {
	about := f.name
	switch {
	case !f.asked:
		return skipped(linkReading, about, "the selector does not parse, so the autoscaler cannot ask")
	case f.err != nil && cluster.FaultOf(f.err) == cluster.Forbidden:
		return refused(linkReading, about, f.err, right{"external.metrics.k8s.io", "*", "list", f.namespace})
	case f.err != nil && cluster.FaultOf(f.err) == cluster.NotFound:
		return failed(linkReading, about, "the autoscaler is answered that there is no such metric: "+words(innermost(f.err)), "see the links metric, selector, subscription and apiservice")
	case f.err != nil:
		return failed(linkReading, about, "the autoscaler is answered with an error and keeps its replicas: "+words(innermost(f.err)), "see the links samples, exporter and apiservice")
	case len(f.items) == 0:
		return failed(linkReading, about, "the autoscaler is answered with no value and keeps its replicas", "see the links selector and samples")
	}
	sum := 0.0
	for _, item := range f.items {
		sum += item.Value
	}
	oldest := slices.MinFunc(f.items, func(a, b cluster.Item) int { return a.At.Compare(b.At) })
	age := max(0, f.now.Sub(oldest.At))
	says := fmt.Sprintf("the autoscaler reads %g, %s old, against %s", sum, round(age), want)
	if age > f.freshFor {
		return warning(linkReading, about, says+"; that is later than normal", "see the link samples: the last value is held during a gap")
	}
	return fine(linkReading, about, says)
}

// innermost returns the API server's own words.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
