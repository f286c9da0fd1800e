package doctor

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"

	"spillway/internal/backlog"
	"spillway/internal/doctor/cluster"
)

func TestJudgePods(t *testing.T) {
	ready, waiting := cluster.Pod{Name: "a", Ready: true}, cluster.Pod{Name: "b", Why: "worker is waiting: CrashLoopBackOff"}
	tests := []struct {
		name       string
		least      int32
		pods       []cluster.Pod
		err        error
		want       Verdict
		says, cure string
	}{
		{"all are ready", 1, []cluster.Pod{ready, ready}, nil, OK, "2 of 2 pods are ready", ""},
		{"one ends", 1, []cluster.Pod{ready, {Name: "c", Terminating: true}}, nil, OK, "1 of 2 pods are ready", ""},
		{"one is not", 1, []cluster.Pod{ready, waiting}, nil, Warning, "1 of 2 pods are ready; b: worker is waiting: CrashLoopBackOff", "kubectl logs"},
		{"none is", 1, []cluster.Pod{waiting}, nil, Failed, "0 of 1", "kubectl logs"},
		{"none is there", 1, nil, nil, Failed, "it has no pods", "kubectl describe deployment/worker"},
		{"none need be there", 0, nil, nil, OK, "minReplicas 0", ""},
		{"no target", 1, nil, apiError(http.StatusNotFound), Failed, "does not exist", "scaleTargetRef"},
		{"no right to the scale", 1, nil, apiError(http.StatusForbidden), Skipped, "not allowed", `apiGroups: ["apps"], resources: ["deployments/scale"]`},
		{"no right to the pods", 1, nil, fmt.Errorf("listing the pods: %w", apiError(http.StatusForbidden)), Skipped, "not allowed", `resources: ["pods"], verbs: ["list"]`},
		{"no answer", 1, nil, errors.New("connection refused"), Failed, "connection refused", "/readyz"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := cluster.Autoscaler{Namespace: "shop", Min: tt.least, Target: cluster.Scaled{APIVersion: "apps/v1", Kind: "Deployment", Name: "worker"}}
			expect(t, judgePods(&a, tt.pods, tt.err), tt.want, tt.says, tt.cure)
		})
	}
}

func TestEndpointOf(t *testing.T) {
	app, metrics, http := cluster.Port{Name: "app", Number: 8081}, cluster.Port{Name: "metrics", Number: 9100}, cluster.Port{Name: "http", Number: 8080}
	tests := []struct {
		name        string
		annotations map[string]string
		ports       []cluster.Port
		want        endpoint
		ok          bool
	}{
		{"an annotation", map[string]string{portAnnotation: "7000", pathAnnotation: "/m"}, []cluster.Port{http}, endpoint{7000, "/m", "annotation prometheus.io/port"}, true},
		{"an annotation that is no port", map[string]string{portAnnotation: "http"}, []cluster.Port{http}, endpoint{0, "/metrics", "annotation prometheus.io/port"}, false},
		{"an annotation beyond all ports", map[string]string{portAnnotation: "70000"}, nil, endpoint{65535, "/metrics", "annotation prometheus.io/port"}, false},
		{"a port called metrics", nil, []cluster.Port{app, http, metrics}, endpoint{9100, "/metrics", "port metrics"}, true},
		{"a port called http", nil, []cluster.Port{app, http}, endpoint{8080, "/metrics", "port http"}, true},
		{"a single port", map[string]string{pathAnnotation: "m"}, []cluster.Port{app}, endpoint{8081, "/metrics", "its only port"}, true},
		{"several others", nil, []cluster.Port{app, app}, endpoint{0, "/metrics", ""}, false},
		{"none", nil, nil, endpoint{0, "/metrics", ""}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := endpointOf(&cluster.Pod{Annotations: tt.annotations, Ports: tt.ports})
			if ok != tt.ok || (ok && got != tt.want) {
				t.Errorf("got %+v, %v; want %+v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestJudgeWorkers(t *testing.T) {
	at := endpoint{8080, "/metrics", "port http"}
	pod := cluster.Pod{Name: "a"}
	well := worker{pod: pod, endpoint: at, families: parsed(t, workerText("offers", 0, 1))}
	tests := []struct {
		name       string
		workers    []worker
		want       Verdict
		says, cure string
	}{
		{"none", nil, Skipped, "no pod is ready", ""},
		{"all answer", []worker{well, well}, OK, "2 pods answer, at port 8080 (port http)", ""},
		{"one does not", []worker{well, {pod: pod, endpoint: at, err: errors.New("connection refused")}}, Failed, "port 8080/metrics (port http) does not answer: connection refused", "--listen"},
		{"another port does", []worker{{pod: pod, endpoint: at, err: errors.New("connection refused"), answers: 9100}}, Failed, "port 9100 answers", "prometheus.io/port to 9100"},
		{"something else answers", []worker{{pod: pod, endpoint: at, families: parsed(t, "up 1\n")}}, Failed, "not with a worker's metrics", "--listen"},
		{"no port is named", []worker{{pod: pod, err: errNoMetrics}}, Failed, "does not say where", "annotate"},
		{"they may not be asked", []worker{{pod: pod, endpoint: at, err: apiError(http.StatusForbidden)}}, Skipped, "not allowed", `"pods/proxy"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, judgeWorkers(tt.workers, "shop", "no pod is ready"), tt.want, tt.says, tt.cure)
		})
	}
}

func TestJudgeRefusedWorkers(t *testing.T) {
	sub := backlog.Subscription{Project: "shop", ID: "offers"}
	tests := []struct {
		name, page string
		found      bool
	}{
		{"refused", workerText("offers", 3, 0), true},
		{"refused, by the full name", workerText(sub.String(), 3, 0), true},
		{"refused once and well since", workerText("offers", 3, 1), false},
		{"never refused", workerText("offers", 0, 0), false},
		{"another flow refused", workerText("orders", 3, 0), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, found := judgeRefusedWorkers([]worker{{pod: cluster.Pod{Name: "a"}, families: parsed(t, tt.page)}}, sub)
			if found != tt.found || (found && got.Verdict != Failed) {
				t.Errorf("%v, %+v", found, got)
			}
		})
	}
}

// TestWhatAWorkerReallySays reads the page that the worker's own test holds it to.
func TestWhatAWorkerReallySays(t *testing.T) {
	golden, err := os.ReadFile("../consume/testdata/metrics.golden")
	if err != nil {
		t.Fatal(err)
	}
	families := parsed(t, string(golden))
	if !isWorker(families) || families["pubsub_worker_stream_connected"] == nil || families["pubsub_worker_receive_restarts_total"] == nil {
		t.Error("the worker's page lacks what doctor reads")
	}
	if labels := families["pubsub_worker_receive_restarts_total"].GetMetric()[0]; labelOf(labels, "code") == "" || labelOf(labels, "subscription") == "" {
		t.Errorf("the labels are %v", labels.GetLabel())
	}
}
