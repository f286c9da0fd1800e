package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"spillway/internal/ask"
	"spillway/internal/backlog"
	"spillway/internal/cloudmon"
	"spillway/internal/emulator"
)

const adapterName = "pubsub.googleapis.com|subscription|num_undelivered_messages"

// world is a chain in which all is well: an emulator with the subscription offers, and an API server with an autoscaler, a
// worker, an exporter and its APIService. Each test spoils one thing.
type world struct {
	t        *testing.T
	emulator string

	mu         sync.Mutex
	hpa        *autoscalingv2.HorizontalPodAutoscaler
	apiService map[string]any
	pod        *corev1.Pod
	services   *corev1.ServiceList
	exporter   string         // its page of metrics
	workerPage string         // the worker's
	listens    int            // the port at which the worker answers
	foreign    bool           // somebody else serves external metrics and knows nothing of Pub/Sub
	refuse     map[string]int // paths that are answered with a status
}

func newWorld(t *testing.T, faults ...string) *world {
	t.Helper()
	w := &world{
		t: t, emulator: runEmulator(t, faults...), hpa: autoscaler(), apiService: apiService("spillway", "backlog-exporter", "True", "Passed", ""),
		pod: workerPod(), services: exporterServices(), exporter: exporterText("shop", "offers", "fresh", ""),
		workerPage: workerText("offers", 0, 1), listens: 8080, refuse: map[string]int{},
	}
	if len(faults) == 0 {
		w.awaitSamples()
	}
	return w
}

func runEmulator(t *testing.T, faults ...string) string {
	t.Helper()
	o := emulator.DefaultOptions()
	o.Listen, o.Project, o.Create, o.Speed, o.TuneMemory = "127.0.0.1:0", "shop", []string{"events:offers,orders"}, 240, false
	o.VisibilityDelay, o.MonitoringFaults = -1, faults
	app, err := emulator.New(o, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return app.Addr()
}

// awaitSamples returns when Cloud Monitoring shows a point.
func (w *world) awaitSamples() {
	w.t.Helper()
	client, err := cloudmon.Dial(w.t.Context(), cloudmon.Options{Endpoint: w.emulator})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		now := time.Now()
		got, err := client.Read(w.t.Context(), cloudmon.Query{
			Metric: backlog.NumUndeliveredMessages, Project: "shop", IDs: []string{"offers"}, Since: now.Add(-time.Hour), Until: now,
		})
		if err == nil && len(got.Series) > 0 {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	w.t.Fatal("the emulator shows no sample")
}

// examine runs doctor on the world's autoscaler, or whatever else the flags say.
func (w *world) examine(change ...func(*Options)) Report {
	w.t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(w.serve))
	w.t.Cleanup(server.Close)
	o := Options{
		Target: "hpa/offers", Kubeconfig: kubeconfig(w.t, server.URL), Namespace: "shop", Project: "shop", PubsubEndpoint: w.emulator,
		FreshFor: 4 * time.Minute, Timeout: 10 * time.Second, Output: outputText,
	}
	for _, c := range change {
		c(&o)
	}
	app, err := New(o, w.t.Output(), w.t.Output())
	if err != nil {
		w.t.Fatal(err)
	}
	report := app.Examine(w.t.Context())
	if err := app.write(&report); err != nil {
		w.t.Fatal(err)
	}
	return report
}

func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"test","contexts":[{"name":"test","context":{"cluster":"test","user":"test","namespace":"default"}}],
"clusters":[{"name":"test","cluster":{"server":%q,"insecure-skip-tls-verify":true}}],"users":[{"name":"test","user":{"token":"s3cret-token"}}]}`, server)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serve is an API server as far as doctor sees one.
func (w *world) serve(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer s3cret-token" {
		w.t.Errorf("doctor sends %s %s as %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}
	path := r.URL.Path
	for prefix, code := range w.refuse {
		if strings.HasPrefix(path, prefix) {
			refuse(out, code, fmt.Sprintf("%s is forbidden", path))
			return
		}
	}
	if metric, is := strings.CutPrefix(path, "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/"); is {
		w.serveMetric(out, metric, r.URL.Query().Get("labelSelector"))
		return
	}
	if page, is := w.page(path); is {
		if page == "" {
			refuse(out, http.StatusServiceUnavailable, "error trying to reach service: dial tcp 10.0.0.1: connect: connection refused")
			return
		}
		_, _ = fmt.Fprint(out, page)
		return
	}
	object := w.object(path)
	if object == nil {
		refuse(out, http.StatusNotFound, path+" not found")
		return
	}
	answer(out, object)
}

// page returns what a proxied port answers; nothing listens at the others.
func (w *world) page(path string) (text string, proxied bool) {
	switch {
	case !strings.Contains(path, "/proxy"):
		return "", false
	case path == "/api/v1/namespaces/spillway/services/backlog-exporter:9090/proxy/metrics":
		return w.exporter, true
	case path == fmt.Sprintf("/api/v1/namespaces/shop/pods/worker-1:%d/proxy/metrics", w.listens):
		return w.workerPage, true
	default:
		return "", true
	}
}

func (w *world) object(path string) any {
	switch path {
	case "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/" + w.hpa.Name:
		return w.hpa
	case "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers":
		return &autoscalingv2.HorizontalPodAutoscalerList{
			TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscalerList"}, Items: []autoscalingv2.HorizontalPodAutoscaler{*w.hpa},
		}
	case "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io":
		if w.apiService == nil {
			return nil
		}
		return w.apiService
	case "/apis/apps/v1/namespaces/shop/deployments/worker/scale":
		return map[string]any{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": map[string]any{"name": "worker"}, "status": map[string]any{"selector": "app=worker"}}
	case "/api/v1/namespaces/shop/pods":
		return &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: []corev1.Pod{*w.pod}}
	case "/api/v1/services":
		return w.services
	default:
		return nil
	}
}

// serveMetric answers as the exporter does: what is known of offers, an error for everything else.
func (w *world) serveMetric(out http.ResponseWriter, metric, selector string) {
	chosen, err := labels.Parse(selector)
	if err != nil {
		refuse(out, http.StatusBadRequest, err.Error())
		return
	}
	asked, err := ask.NewBook(backlog.Definitions()).Parse(metric, chosen, "shop")
	if err != nil || w.foreign || asked.Open() || asked.Subscriptions[0] != (backlog.Subscription{Project: "shop", ID: "offers"}) {
		refuse(out, http.StatusNotFound, "there is no such metric")
		return
	}
	answer(out, &v1beta1.ExternalMetricValueList{
		TypeMeta: metav1.TypeMeta{APIVersion: "external.metrics.k8s.io/v1beta1", Kind: "ExternalMetricValueList"},
		Items:    []v1beta1.ExternalMetricValue{{MetricName: metric, Timestamp: metav1.NewTime(time.Now().Add(-time.Minute)), Value: resource.MustParse("41k")}},
	})
}

func answer(out http.ResponseWriter, object any) {
	out.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(out).Encode(object)
}

func refuse(out http.ResponseWriter, code int, message string) {
	reason := map[int]metav1.StatusReason{
		http.StatusNotFound: metav1.StatusReasonNotFound, http.StatusForbidden: metav1.StatusReasonForbidden,
		http.StatusUnauthorized: metav1.StatusReasonUnauthorized, http.StatusServiceUnavailable: metav1.StatusReasonServiceUnavailable,
	}[code]
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(code)
	_ = json.NewEncoder(out).Encode(&metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
}

func autoscaler() *autoscalingv2.HorizontalPodAutoscaler {
	goal, least := resource.MustParse("40000"), int32(2)
	return &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"}, ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "offers"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "worker"}, MinReplicas: &least, MaxReplicas: 20,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
				Metric: autoscalingv2.MetricIdentifier{Name: adapterName, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"resource.labels.subscription_id": "offers"}}},
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: &goal},
			}}},
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{
			CurrentReplicas: 2, DesiredReplicas: 2,
			Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{
				{Type: autoscalingv2.AbleToScale, Status: corev1.ConditionTrue, Reason: "ReadyForNewScale"},
				{Type: autoscalingv2.ScalingActive, Status: corev1.ConditionTrue, Reason: "ValidMetricFound"},
				{Type: autoscalingv2.ScalingLimited, Status: corev1.ConditionFalse, Reason: "DesiredWithinRange"},
			},
		},
	}
}

func (w *world) external() *autoscalingv2.MetricIdentifier {
	return &w.hpa.Spec.Metrics[0].External.Metric
}

func apiService(namespace, name, status, reason, message string) map[string]any {
	return map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": "v1beta1.external.metrics.k8s.io"},
		"spec":   map[string]any{"service": map[string]any{"namespace": namespace, "name": name}},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Available", "status": status, "reason": reason, "message": message}}},
	}
}

func workerPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "worker-1", Annotations: map[string]string{portAnnotation: "8080", pathAnnotation: "/metrics"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "worker", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.0.0.1", Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
}

func exporterServices() *corev1.ServiceList {
	return &corev1.ServiceList{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceList"},
		Items: []corev1.Service{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "spillway", Name: "backlog-exporter"},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "metrics", Port: 9090}}},
		}},
	}
}

func exporterText(project, id, state, reason string) string {
	labels := fmt.Sprintf(`project_id=%q,subscription_id=%q`, project, id)
	text := "# TYPE pubsub_subscription_num_undelivered_messages_sample_state gauge\n" +
		fmt.Sprintf("pubsub_subscription_num_undelivered_messages_sample_state{%s,state=%q} 1\n", labels, state)
	if state != "absent" {
		text += fmt.Sprintf("# TYPE pubsub_subscription_num_undelivered_messages gauge\npubsub_subscription_num_undelivered_messages{%s} 41000\n", labels) +
			fmt.Sprintf("# TYPE pubsub_subscription_num_undelivered_messages_sample_age_seconds gauge\npubsub_subscription_num_undelivered_messages_sample_age_seconds{%s} 65\n", labels)
	}
	if reason != "" {
		text += fmt.Sprintf("# TYPE pubsub_subscription_unacked_messages_reason gauge\npubsub_subscription_unacked_messages_reason{%s,reason=%q} 1\n", labels, reason)
	}
	return text
}

func workerText(subscription string, denied, streams int) string {
	return fmt.Sprintf("# TYPE pubsub_worker_stream_connected gauge\npubsub_worker_stream_connected{subscription=%q} %d\n"+
		"# TYPE pubsub_worker_receive_restarts_total counter\npubsub_worker_receive_restarts_total{subscription=%[1]q,code=\"PermissionDenied\"} %[3]d\n", subscription, streams, denied)
}
