package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"spillway/internal/backlog"
	"spillway/internal/doctor/cluster"
)

// judgePods judges the pods behind the scale target.
func judgePods(a *cluster.Autoscaler, pods []cluster.Pod, err error) Finding {
	about := a.Target.String()
	if err != nil {
		switch cluster.FaultOf(err) {
		case cluster.NotFound:
			return failed(linkPods, about, "the scale target does not exist", "correct scaleTargetRef, or apply what it names")
		case cluster.Forbidden:
			resource := strings.ToLower(a.Target.Kind) + "s/scale"
			group, _, _ := strings.Cut(a.Target.APIVersion, "/")
			needs := right{group, resource, "get", a.Namespace}
			if strings.Contains(err.Error(), "listing the pods") {
				needs = right{"", "pods", "list", a.Namespace}
			}
			return refused(linkPods, about, err, needs)
		default:
			return refused(linkPods, about, err, right{})
		}
	}
	ready, why := 0, ""
	for i := range pods {
		switch {
		case pods[i].Ready:
			ready++
		case !pods[i].Terminating && why == "":
			why = pods[i].Name + ": " + oneLine(pods[i].Why)
		}
	}
	says := fmt.Sprintf("%d of %d pods are ready", ready, len(pods))
	switch {
	case len(pods) == 0 && a.Min == 0:
		return fine(linkPods, about, "it has no pods, as minReplicas 0 allows")
	case len(pods) == 0:
		return failed(linkPods, about, "it has no pods", "see kubectl describe "+strings.ToLower(a.Target.String())+": a quota, an admission webhook or its selector keeps them away")
	case ready == 0:
		return failed(linkPods, about, says+"; "+why, "see kubectl describe pod and kubectl logs")
	case why != "":
		return warning(linkPods, about, says+"; "+why, "see kubectl describe pod and kubectl logs")
	default:
		return fine(linkPods, about, says)
	}
}

// worker is what one pod's metrics said.
type worker struct {
	pod cluster.Pod
	endpoint
	families exposition
	err      error
	// answers is a port of the pod's that does answer with a worker's series, where the one that was named does not.
	answers int32
}

// endpoint is where a pod says that its metrics are.
type endpoint struct {
	port int32
	path string
	// says names what said so: an annotation or a port's name.
	says string
}

// The annotations by which Prometheus finds a pod's metrics.
const (
	portAnnotation = "prometheus.io/port"
	pathAnnotation = "prometheus.io/path"
)

// endpointOf reads where a pod says that its metrics are: by annotation, else the port called metrics or http, else its
// only port. ok is false when it does not say.
func endpointOf(p *cluster.Pod) (e endpoint, ok bool) {
	e.path = "/metrics"
	if path := p.Annotations[pathAnnotation]; strings.HasPrefix(path, "/") {
		e.path = path
	}
	if text, given := p.Annotations[portAnnotation]; given {
		number, err := strconv.ParseUint(text, 10, 16)
		e.port, e.says = int32(number), "annotation "+portAnnotation
		return e, err == nil && number > 0
	}
	for _, name := range []string{"metrics", "http"} {
		for _, port := range p.Ports {
			if port.Name == name {
				e.port, e.says = port.Number, "port "+name
				return e, true
			}
		}
	}
	if len(p.Ports) == 1 {
		e.port, e.says = p.Ports[0].Number, "its only port"
		return e, true
	}
	return e, false
}

// isWorker reports whether a page of metrics is a worker's.
func isWorker(families exposition) bool {
	for name := range families {
		if strings.HasPrefix(name, "pubsub_worker_") {
			return true
		}
	}
	return false
}

// judgeWorkers judges whether the pods' metrics answer where the pods say they do.
func judgeWorkers(workers []worker, namespace, none string) Finding {
	if len(workers) == 0 {
		return skipped(linkWorkers, "", none)
	}
	for i := range workers {
		w := &workers[i]
		switch {
		case w.err == nil && isWorker(w.families):
			continue
		case w.err != nil && cluster.FaultOf(w.err) == cluster.Forbidden:
			return refused(linkWorkers, w.pod.Name, w.err, right{"", "pods/proxy", "get", namespace})
		case w.answers != 0:
			return failed(linkWorkers, w.pod.Name, fmt.Sprintf("no worker's metrics at port %d (%s); port %d answers with them", w.port, w.says, w.answers),
				fmt.Sprintf("set the annotation %s to %d in the pod template", portAnnotation, w.answers))
		case w.port == 0:
			return failed(linkWorkers, w.pod.Name, "the pod does not say where its metrics are", "annotate the pod template with "+portAnnotation+", or call its port http or metrics")
		case w.err != nil:
			return failed(linkWorkers, w.pod.Name, fmt.Sprintf("port %d%s (%s) does not answer: %s", w.port, w.path, w.says, words(w.err)),
				"set the annotation "+portAnnotation+" (or the port's number) to the port of the worker's --listen")
		default:
			return failed(linkWorkers, w.pod.Name, fmt.Sprintf("port %d (%s) answers, though not with a worker's metrics", w.port, w.says),
				"set the annotation "+portAnnotation+" to the port of the worker's --listen")
		}
	}
	return fine(linkWorkers, "", fmt.Sprintf("the metrics of %d pods answer, at port %d (%s)", len(workers), workers[0].port, workers[0].says))
}

// judgeRefusedWorkers judges what the workers themselves say about their right to receive. It has nothing to say where they
// have not been refused.
func judgeRefusedWorkers(workers []worker, sub backlog.Subscription) (Finding, bool) {
	for _, w := range workers {
		for _, name := range []string{sub.String(), sub.ID} {
			denied, _ := w.families.series("pubsub_worker_receive_restarts_total", map[string]string{"subscription": name, "code": "PermissionDenied"})
			streams, _ := w.families.series("pubsub_worker_stream_connected", map[string]string{"subscription": name})
			if denied > 0 && streams == 0 {
				return failed(linkPermission, "pubsub.subscriptions.consume of the workers",
					fmt.Sprintf("%s has been refused %g times and has no stream open", w.pod.Name, denied),
					grant(sub, onSubscription()[0])+", with the workers' account"), true
			}
		}
	}
	return Finding{}, false
}
