package autoscaling_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"

	"spillway/deploy"
	"spillway/internal/autoscaling"
	"spillway/internal/hpa"
	"spillway/internal/sim"
	"spillway/internal/testenv"
)

func shipped(t *testing.T, name string) *autoscaling.Autoscaler {
	t.Helper()
	content, err := fs.ReadFile(deploy.Manifests(), name)
	if err != nil {
		t.Fatal(err)
	}
	a, err := autoscaling.Parse(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestTheShippedAutoscalersAreThoseOfTheSimulation holds that what is measured is what is shipped.
func TestTheShippedAutoscalersAreThoseOfTheSimulation(t *testing.T) {
	for component, want := range map[string]sim.Policy{
		"hpa-backlog": sim.OnBacklog(40000), "hpa-backlog-stackdriver": sim.OnBacklog(40000), "hpa-desired-replicas": sim.OnDesired(),
	} {
		a := shipped(t, "components/"+component+"/hpa.yaml")
		if diff := cmp.Diff(want.Spec, a.Spec); diff != "" {
			t.Errorf("%s (-simulated +shipped):\n%s", component, diff)
		}
	}
	if a := shipped(t, "components/hpa-cpu/hpa.yaml"); a.Signal != autoscaling.Processor || a.Spec.AverageValue != sim.OnProcessor(50).Spec.AverageValue {
		t.Errorf("the processor's: %+v", a)
	}
}

func TestTheDesiredAutoscalerCanBeApplied(t *testing.T) {
	spec := sim.OnDesired().Spec
	spec.Behavior.ScaleUp.Tolerance, spec.Behavior.ScaleUp.Select = new(0.02), hpa.MaxChange
	for name, from := range map[string]*autoscaling.Autoscaler{"generic": shipped(t, "components/hpa-backlog/hpa.yaml"), "unknown": nil} {
		t.Run(name, func(t *testing.T) {
			content, err := from.WithDesired(spec).YAML()
			if err != nil {
				t.Fatal(err)
			}
			testenv.Golden(t, "testdata/desired-"+name+".yaml.golden", content)
			var object autoscalingv2.HorizontalPodAutoscaler
			if err := yaml.UnmarshalStrict(content, &object); err != nil {
				t.Fatalf("it does not decode strictly: %v", err)
			}
			back, err := autoscaling.Parse(bytes.NewReader(content))
			if err != nil || back.Signal != autoscaling.Desired {
				t.Fatalf("%+v, %v", back, err)
			}
			if diff := cmp.Diff(spec, back.Spec); diff != "" {
				t.Errorf("what was written reads back as (-want +got):\n%s", diff)
			}
		})
	}
}

const head = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: offers, namespace: shop}\nspec:\n  maxReplicas: 9\n" +
	"  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: offers}\n"

func TestParse(t *testing.T) {
	cpu := "  - type: Resource\n    resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}\n"
	http := "  - type: Pods\n    pods: {metric: {name: http_requests}, target: {type: AverageValue, averageValue: 5}}\n"
	tests := []struct{ name, yaml, want, problem string }{
		{name: "the processor", yaml: head + "  metrics:\n" + cpu, want: "cpu"},
		{name: "a metric that cannot be played is left out", yaml: head + "  metrics:\n" + http + cpu, want: "cpu"},
		{name: "among other documents", yaml: "kind: Service\n---\n" + head + "  metrics:\n" + cpu, want: "cpu"},
		{name: "no metric", yaml: head, problem: "no metric of the autoscaler can be played"},
		{name: "nothing that can be played", yaml: head + "  metrics:\n" + http, problem: "a metric of the type Pods depends on more"},
		{name: "a field that does not exist", yaml: head + "  minReplica: 2\n  metrics:\n" + cpu, problem: "minReplica"},
		{name: "an old version", yaml: strings.Replace(head, "/v2", "/v1", 1), problem: "write it as autoscaling/v2"},
		{name: "none", yaml: "kind: Service\n", problem: "0 objects of the kind"},
		{name: "two", yaml: head + "---\n" + head, problem: "2 objects of the kind"},
		{name: "bounds that exclude each other", yaml: head + "  minReplicas: 10\n  metrics:\n" + cpu, problem: "maxReplicas: 9 must not be below"},
		{name: "no YAML", yaml: "a: [", problem: "as YAML"},
		{name: "a list", yaml: "[]", problem: "reading the file as YAML: cannot unmarshal array into an object"},
		{name: "more pods than there can be", yaml: strings.Replace(head, "maxReplicas: 9", "maxReplicas: 99999999999", 1), problem: "cannot unmarshal number 99999999999 into spec.maxReplicas"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := autoscaling.Parse(strings.NewReader(tt.yaml))
			if tt.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tt.problem) {
					t.Fatalf("error %v, want one about %q", err, tt.problem)
				}
				return
			}
			if err != nil || a.Metric != tt.want || a.Spec.MinReplicas != 1 || a.Spec.MaxReplicas != 9 {
				t.Fatalf("%+v, %v", a, err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(head + "  metrics:\n  - type: External\n    external: {metric: {name: x_undelivered_messages}, target: {type: AverageValue, averageValue: 5}}\n")
	f.Fuzz(func(t *testing.T, content string) {
		if a, err := autoscaling.Parse(strings.NewReader(content)); err == nil && a.Spec.Validate() != nil {
			t.Fatalf("it was taken although %v", a.Spec.Validate())
		}
	})
}

func TestReadFromACluster(t *testing.T) {
	const path = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
	object := `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"offers","namespace":"shop"},"spec":{"maxReplicas":20,` +
		`"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"offers"},"metrics":[{"type":"External","external":{"metric":{"name":"pubsub_subscription_num_undelivered_messages"},` +
		`"target":{"type":"AverageValue","averageValue":"40k"}}}]}}`
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case path + "/offers":
			_, _ = w.Write([]byte(object))
		case "/apis/apps/v1/namespaces/shop/deployments/offers":
			_, _ = w.Write([]byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"offers"},"spec":{"selector":{"matchLabels":{"app":"offers"}}}}`))
		case "/api/v1/namespaces/shop/pods":
			pod := func(after, restarts int) string {
				return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","creationTimestamp":"2026-11-27T08:00:00Z"},"status":{"containerStatuses":[{"name":"c","restartCount":%d,`+
					`"image":"","imageID":"","ready":true}],"conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-11-27T08:%02d:%02dZ"}]}}`, restarts, after/60, after%60)
			}
			_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"PodList","items":[` + pod(20, 0) + "," + pod(42, 0) + "," + pod(50, 0) + "," + pod(5, 1) + `]}`))
		case path:
			_, _ = w.Write([]byte(`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscalerList","items":[` + object + `]}`))
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`))
		}
	}))
	defer api.Close()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	config := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: " + api.URL + "}}]\ncontexts: [{name: x, context: {cluster: c, namespace: shop}}]\ncurrent-context: x\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster := autoscaling.Cluster{Kubeconfig: file, Timeout: time.Minute}
	a, took, err := cluster.Read(t.Context(), "offers")
	if err != nil || a.Spec.AverageValue != 40000*hpa.Unit || a.Namespace != "shop" {
		t.Errorf("%+v, %v", a, err)
	}
	if took != 42*time.Second { // the median of those without a restart
		t.Errorf("the pods take %s to start, want 42 s", took)
	}
	if _, _, err := cluster.Read(t.Context(), "offer"); err == nil || !strings.Contains(err.Error(), "the namespace has: offers") {
		t.Errorf("error %v does not say what there is", err)
	}
	if _, _, err := (autoscaling.Cluster{Kubeconfig: file, Context: "y"}).Read(t.Context(), "offers"); err == nil {
		t.Error("a context that does not exist is taken")
	}
}
