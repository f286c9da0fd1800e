package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
)

// server is an API server that knows these objects by path and query, and one status.
func server(t *testing.T, objects map[string]any) *Client {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" || r.Method != http.MethodGet {
			t.Errorf("%s %s with %q", r.Method, r.URL, r.Header.Get("Authorization"))
		}
		key := r.URL.Path
		if selector := r.URL.Query().Get("labelSelector"); selector != "" {
			key += "?" + selector
		}
		object, known := objects[key]
		switch body := object.(type) {
		case string:
			_, _ = io.WriteString(w, body)
		case int:
			w.WriteHeader(body)
		default:
			if !known {
				w.WriteHeader(http.StatusNotFound)
				object = map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": key + " not found"}
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(object)
		}
	}))
	t.Cleanup(s.Close)
	c, err := Connect(Options{Kubeconfig: kubeconfig(t, s.URL), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"staging",
"contexts":[{"name":"staging","context":{"cluster":"c","user":"u","namespace":"shop"}},{"name":"production","context":{"cluster":"c","user":"u"}}],
"clusters":[{"name":"c","cluster":{"server":%q,"insecure-skip-tls-verify":true}}],"users":[{"name":"u","user":{"token":"s3cret"}}]}`, server)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestConnect(t *testing.T) {
	file := kubeconfig(t, "https://10.0.0.1:6443")
	tests := []struct {
		name, namespace string
		o               Options
		says            string
	}{
		{"the current context", "shop", Options{Kubeconfig: file}, ""},
		{"another context", "default", Options{Kubeconfig: file, Context: "production"}, ""},
		{"another namespace", "depot", Options{Kubeconfig: file, Namespace: "depot"}, ""},
		{"a mistyped context", "", Options{Kubeconfig: file, Context: "prodction"}, `no context "prodction"; did you mean "production"?`},
		{"a context that is none", "", Options{Kubeconfig: file, Context: "x"}, `no context "x"`},
		{"no file", "", Options{Kubeconfig: "/nonexistent/kubeconfig"}, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Connect(tt.o)
			if tt.says != "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Fatalf("%v does not say %q", err, tt.says)
				}
				return
			}
			if err != nil || c.Namespace != tt.namespace || c.Host != "https://10.0.0.1:6443" || c.direct != nil {
				t.Fatalf("%+v, %v", c, err)
			}
		})
	}
}

type object = map[string]any

func TestAutoscaler(t *testing.T) {
	metric := func(name string, selector, target object) object {
		return object{"type": "External", "external": object{"metric": object{"name": name, "selector": selector}, "target": target}}
	}
	hpa := object{
		"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": object{"name": "offers", "namespace": "shop"},
		"spec": object{
			"scaleTargetRef": object{"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}, "maxReplicas": 20,
			"metrics": []any{
				metric("a", object{"matchLabels": object{"subscription_id": "offers"}}, object{"type": "AverageValue", "averageValue": "40000"}),
				metric("b", nil, object{"type": "Value", "value": "1"}),
				metric("c", object{"matchExpressions": []any{object{"key": "x", "operator": "Is"}}}, object{"type": "Value"}),
				object{"type": "Resource", "resource": object{"name": "cpu", "target": object{"type": "Utilization"}}},
			},
		},
		"status": object{"currentReplicas": 3, "desiredReplicas": 4, "conditions": []any{object{"type": "AbleToScale", "status": "True", "reason": "R", "message": "M"}}},
	}
	c := server(t, map[string]any{
		"/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/offers": hpa,
		"/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers":        object{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscalerList", "items": []any{hpa}},
	})
	got, err := c.Autoscaler(t.Context(), "offers")
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.Autoscalers(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "offers" {
		t.Errorf("%v, %v", all, err)
	}
	if len(got.Metrics) != 3 || got.Metrics[0].Selector.String() != "subscription_id=offers" || !got.Metrics[1].Selector.Empty() || got.Metrics[2].Err == nil ||
		got.Metrics[0].Want != "AverageValue 40k" || got.Metrics[1].Want != "Value 1" {
		t.Errorf("metrics %+v", got.Metrics)
	}
	got.Metrics = nil
	want := Autoscaler{
		Namespace: "shop", Name: "offers", Target: Scaled{"apps/v1", "Deployment", "worker"}, Min: 1, Max: 20, Current: 3, Desired: 4, Others: 1,
		Conditions: []Condition{{"AbleToScale", "True", "R", "M"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := c.Autoscaler(t.Context(), "orders"); FaultOf(err) != NotFound {
		t.Errorf("an autoscaler that is not there: %v", err)
	}
}

func TestPods(t *testing.T) {
	pod := func(name, phase string, status object) object {
		status["phase"] = phase
		return object{"metadata": object{"name": name}, "spec": object{"containers": []any{object{
			"name": "worker", "ports": []any{object{"name": "http", "containerPort": 8080}, object{"name": "dns", "containerPort": 53, "protocol": "UDP"}},
		}}}, "status": status}
	}
	condition := func(kind, status, reason, message string) []any {
		return []any{object{"type": kind, "status": status, "reason": reason, "message": message}}
	}
	for kind, path := range map[string]string{
		"apps/v1 Deployment": "/apis/apps/v1/namespaces/shop/deployments/worker/scale", "apps/v1 StatefulSet": "/apis/apps/v1/namespaces/shop/statefulsets/worker/scale",
		"argoproj.io/v1alpha1 Rollout": "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/worker/scale", "v1 ReplicationController": "/api/v1/namespaces/shop/replicationcontrollers/worker/scale",
	} {
		t.Run(kind, func(t *testing.T) {
			c := server(t, map[string]any{
				path: object{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": object{}, "status": object{"selector": "app=worker"}},
				"/api/v1/namespaces/shop/pods?app=worker": object{"apiVersion": "v1", "kind": "PodList", "items": []any{
					pod("ready", "Running", object{"podIP": "10.0.0.1", "conditions": condition("Ready", "True", "", "")}),
					pod("crashing", "Running", object{"containerStatuses": []any{object{"name": "worker", "state": object{"waiting": object{"reason": "CrashLoopBackOff"}}}}}),
					pod("homeless", "Pending", object{"conditions": condition("PodScheduled", "False", "Unschedulable", "no nodes")}),
					pod("over", "Succeeded", object{}), pod("evicted", "Failed", object{}),
				}},
			})
			version, name, _ := strings.Cut(kind, " ")
			got, err := c.Pods(t.Context(), Scaled{version, name, "worker"})
			ports := []Port{{"http", 8080}}
			want := []Pod{
				{Name: "ready", Address: "10.0.0.1", Ready: true, Why: "Running", Ports: ports},
				{Name: "crashing", Why: "worker is waiting: CrashLoopBackOff", Ports: ports},
				{Name: "homeless", Why: "Unschedulable: no nodes", Ports: ports},
			}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestPodsOfNoTarget(t *testing.T) {
	c := server(t, map[string]any{
		"/apis/apps/v1/namespaces/shop/deployments/all/scale": object{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": object{}, "status": object{}},
	})
	if _, err := c.Pods(t.Context(), Scaled{"apps/v1", "Deployment", "worker"}); FaultOf(err) != NotFound {
		t.Errorf("a target that is not there: %v", err)
	}
	if _, err := c.Pods(t.Context(), Scaled{"apps/v1", "Deployment", "all"}); err == nil || !strings.Contains(err.Error(), "every pod") {
		t.Errorf("a selector of everything: %v", err)
	}
	if _, err := c.Pods(t.Context(), Scaled{"a/b/c", "Deployment", "worker"}); err == nil {
		t.Error("an apiVersion that is none is taken")
	}
}

func TestAPIService(t *testing.T) {
	c := server(t, map[string]any{"/apis/apiregistration.k8s.io/v1/apiservices/" + APIServiceName: object{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": object{"name": APIServiceName},
		"spec":   object{"insecureSkipTLSVerify": true, "service": object{"namespace": "keda", "name": "keda-operator-metrics-apiserver"}},
		"status": object{"conditions": []any{"nonsense", object{"type": "Other"}, object{"type": "Available", "status": "False", "reason": "MissingEndpoints", "message": "M"}}},
	}})
	got, err := c.APIService(t.Context())
	want := APIService{Namespace: "keda", Name: "keda-operator-metrics-apiserver", Reason: "MissingEndpoints", Message: "M", Unverified: true}
	if got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReadingAsksAsTheAutoscalerDoes(t *testing.T) {
	selector := labels.SelectorFromSet(labels.Set{"resource.labels.subscription_id": "offers"})
	c := server(t, map[string]any{
		"/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/pubsub.googleapis.com|subscription|x?resource.labels.subscription_id=offers": object{
			"apiVersion": "external.metrics.k8s.io/v1beta1", "kind": "ExternalMetricValueList", "metadata": object{},
			"items": []any{object{"metricName": "x", "metricLabels": object{"a": "b"}, "timestamp": "2026-11-27T08:00:00Z", "value": "1500m"}},
		},
	})
	got, err := c.Reading(t.Context(), "pubsub.googleapis.com|subscription|x", selector)
	want := []Item{{Value: 1.5, At: time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC), Labels: map[string]string{"a": "b"}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := c.Reading(t.Context(), "pubsub.googleapis.com|subscription|y", selector); FaultOf(err) != NotFound {
		t.Errorf("a metric that is not there: %v", err)
	}
}

func TestExportersWithAPortComeFirst(t *testing.T) {
	service := func(name string, ports ...object) object {
		all := make([]any, len(ports))
		for i := range ports {
			all[i] = ports[i]
		}
		return object{"metadata": object{"namespace": "spillway", "name": name}, "spec": object{"ports": all}}
	}
	c := server(t, map[string]any{"/api/v1/services?" + exporterLabel: object{"apiVersion": "v1", "kind": "ServiceList", "items": []any{
		service("api", object{"name": "https", "port": 443}), service("exporter", object{"name": "metrics", "port": 9090}),
	}}})
	got, err := c.Exporters(t.Context())
	want := []Service{{"spillway", "exporter", "9090"}, {"spillway", "api", ""}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestScrapeThroughTheAPIServer(t *testing.T) {
	c := server(t, map[string]any{
		"/api/v1/namespaces/shop/pods/worker-1:8080/proxy/metrics":          "a 1\n",
		"/api/v1/namespaces/spillway/services/exporter:9090/proxy/metrics":  "b 1\n",
		"/api/v1/namespaces/shop/pods/secret:8080/proxy/metrics":            http.StatusForbidden,
		"/api/v1/namespaces/shop/pods/unknown:8080/proxy/metrics":           http.StatusUnauthorized,
		"/api/v1/namespaces/shop/pods/broken:8080/proxy/metrics":            http.StatusServiceUnavailable,
		"/api/v1/namespaces/spillway/services/exporter:9091/proxy/metrics/": "no\n",
	})
	if page, err := c.ScrapePod(t.Context(), Pod{Name: "worker-1"}, 8080, "/metrics"); string(page) != "a 1\n" || err != nil {
		t.Errorf("a pod: %q, %v", page, err)
	}
	if page, err := c.ScrapeService(t.Context(), Service{"spillway", "exporter", "9090"}); string(page) != "b 1\n" || err != nil {
		t.Errorf("a service: %q, %v", page, err)
	}
	for name, want := range map[string]Fault{"secret": Forbidden, "unknown": Unauthorized, "broken": Unanswered, "gone": NotFound} {
		if _, err := c.ScrapePod(t.Context(), Pod{Name: name}, 8080, "/metrics"); err == nil || FaultOf(err) != want || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestScrapeDirectly(t *testing.T) {
	pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the cluster's token is sent to a pod")
		}
		_, _ = io.WriteString(w, "a 1\n")
	}))
	defer pod.Close()
	at := netip.MustParseAddrPort(strings.TrimPrefix(pod.URL, "http://"))
	c := server(t, nil)
	c.direct = &http.Client{Timeout: time.Second}
	if page, err := c.ScrapePod(t.Context(), Pod{Name: "worker-1", Address: at.Addr().String()}, int32(at.Port()), "/metrics"); string(page) != "a 1\n" || err != nil {
		t.Errorf("%q, %v", page, err)
	}
	if _, err := c.ScrapePod(t.Context(), Pod{Name: "worker-1", Address: "127.0.0.1"}, 1, "/metrics"); err == nil {
		t.Error("nothing listens, and there is no error")
	}
	if _, err := c.ScrapeService(t.Context(), Service{"spillway", "exporter", "9090"}); err == nil {
		t.Error("the name does not resolve, and there is no error")
	}
	if dns, is := errors.AsType[*net.DNSError](func() error { _, err := c.ScrapeService(t.Context(), Service{"ns", "exporter", "1"}); return err }()); is && !strings.HasPrefix(dns.Name, "exporter.ns.svc") {
		t.Errorf("it looks for %s", dns.Name)
	}
}

// endless is a page that does not end.
type endless struct{ closed bool }

func (e *endless) Read(p []byte) (int, error) { return len(p), nil }
func (e *endless) Close() error               { e.closed = true; return nil }

func TestAnEndlessPageEnds(t *testing.T) {
	e := &endless{}
	if _, err := page(e); err == nil || !strings.Contains(err.Error(), "more than") || !e.closed {
		t.Errorf("%v, closed %v", err, e.closed)
	}
}

func TestWithoutAKubeconfigItIsSaidWhereOneWasLookedFor(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(empty, []byte(`{"apiVersion":"v1","kind":"Config"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Connect(Options{Kubeconfig: empty})
	if err == nil || !strings.Contains(err.Error(), "no kubeconfig") || strings.Contains(err.Error(), "KUBERNETES_MASTER") {
		t.Errorf("an empty kubeconfig: %v", err)
	}
}
