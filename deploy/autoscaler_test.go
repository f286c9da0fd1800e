package deploy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/internal/backlog"
	"spillway/internal/hpa"
)

const (
	stackdriverExporter = "stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages"
	stackdriverAdapter  = "pubsub.googleapis.com|subscription|num_undelivered_messages"
)

// The names above are what existing autoscalers say; these are what the exporter answers to.
func TestMetricNamesAreThoseOfTheExporter(t *testing.T) {
	if got := backlog.NumUndeliveredMessages.Stackdriver(); got != stackdriverExporter {
		t.Errorf("the exporter serves %s, the manifests ask for %s", got, stackdriverExporter)
	}
	if got := backlog.NumUndeliveredMessages.Adapter(); got != stackdriverAdapter {
		t.Errorf("the exporter answers to %s, the manifests ask for %s", got, stackdriverAdapter)
	}
}

// autoscalers are the components of which an overlay takes one, and what their autoscaler reads.
func autoscalers() map[string][]autoscalingv2.MetricSpec {
	both := map[string]string{"project_id": "PROJECT", "subscription_id": "SUBSCRIPTION"}
	messages := external(stackdriverExporter, both, "40000")
	return map[string][]autoscalingv2.MetricSpec{
		"hpa-backlog":               {messages},
		"hpa-backlog-stackdriver":   {external(stackdriverAdapter, map[string]string{"resource.labels.subscription_id": "SUBSCRIPTION"}, "40000")},
		"hpa-desired-replicas":      {external(backlog.DesiredReplicas.Short(), both, "1")},
		"hpa-cpu":                   {cpu(50)},
		"hpa-http-rate":             {requests("5")},
		"hpa-backlog-and-cpu":       {messages, cpu(50)},
		"hpa-backlog-and-http-rate": {messages, requests("5")},
	}
}

func external(name string, selector map[string]string, perPod string) autoscalingv2.MetricSpec {
	metric := autoscalingv2.MetricIdentifier{Name: name, Selector: &metav1.LabelSelector{MatchLabels: selector}}
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{Metric: metric, Target: average(perPod)},
	}
}

func requests(perPod string) autoscalingv2.MetricSpec {
	metric := autoscalingv2.MetricIdentifier{Name: "http_requests_per_second"}
	return autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{Metric: metric, Target: average(perPod)}}
}

func average(value string) autoscalingv2.MetricTarget {
	return autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: new(resource.MustParse(value))}
}

func cpu(percent int32) autoscalingv2.MetricSpec {
	target := autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent}
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU, Target: target}}
}

func TestAutoscalers(t *testing.T) {
	for component, want := range autoscalers() {
		for _, overlay := range singles() {
			t.Run(component+" on "+overlay, func(t *testing.T) {
				files := tree(t)
				choose(t, files, overlay, "flow", component)
				all := objects(t, files, overlay)
				spec := theAutoscaler(t, all).Spec
				if diff := cmp.Diff(want, spec.Metrics); diff != "" {
					t.Errorf("metrics (-want +got):\n%s", diff)
				}
				least, most := int32(2), int32(20)
				if component == "hpa-http-rate" {
					least, most = 1, 10
				}
				if *spec.MinReplicas != least || spec.MaxReplicas != most {
					t.Errorf("%d to %d pods, want %d to %d", *spec.MinReplicas, spec.MaxReplicas, least, most)
				}
				target := all.deployment(t, spec.ScaleTargetRef.Name)
				if ref := spec.ScaleTargetRef; ref.Kind != "Deployment" || ref.APIVersion != target.APIVersion {
					t.Errorf("scales %s %s, want a Deployment of %s", ref.APIVersion, ref.Kind, target.APIVersion)
				}
				if target.Spec.Replicas != nil {
					t.Errorf("the Deployment sets replicas: %d, which every apply would go back to", *target.Spec.Replicas)
				}
			})
		}
	}
}

func theAutoscaler(t *testing.T, all *rendered) *autoscalingv2.HorizontalPodAutoscaler {
	t.Helper()
	if len(all.autoscalers) != 1 {
		t.Fatalf("%d autoscalers, want 1: two on the same pods stop each other", len(all.autoscalers))
	}
	return all.autoscalers[0]
}

// What each overlay scales on unless somebody chooses otherwise.
func TestAutoscalerOfTheOverlays(t *testing.T) {
	for overlay, want := range map[string]string{"generic": "hpa-backlog", "gke": "hpa-backlog-stackdriver", "gke-external-metrics": "hpa-backlog-stackdriver"} {
		if diff := cmp.Diff(autoscalers()[want], theAutoscaler(t, objects(t, tree(t), overlay)).Spec.Metrics); diff != "" {
			t.Errorf("%s (-want +got):\n%s", overlay, diff)
		}
	}
	t.Run("gke-external-metrics leaves gke's autoscaler as it is", func(t *testing.T) {
		if diff := cmp.Diff(objects(t, tree(t), "gke").autoscalers, objects(t, tree(t), "gke-external-metrics").autoscalers); diff != "" {
			t.Errorf("(-gke +ours):\n%s", diff)
		}
	})
}

// What the manifests' comments say about the behavior, by the autoscaler's own arithmetic.
func TestBehavior(t *testing.T) {
	type steps map[string]int32
	cases := map[string]struct {
		// most is the number of pods that a flood leads to in up, and from which an idle flow comes down.
		most     int32
		up, down steps
	}{
		"hpa-backlog": {
			most: 20,
			up:   steps{"15s": 20},
			down: steps{"5m0s": 16, "6m0s": 12, "7m0s": 9, "8m0s": 7, "9m0s": 5, "10m0s": 4, "11m0s": 3, "12m0s": 2},
		},
		"hpa-http-rate": {
			most: 10,
			up:   steps{"30s": 3, "1m0s": 6, "1m30s": 10},
			down: steps{"5m0s": 5, "8m0s": 2, "11m0s": 1},
		},
	}
	cases["hpa-backlog-stackdriver"], cases["hpa-desired-replicas"] = cases["hpa-backlog"], cases["hpa-backlog"]
	cases["hpa-backlog-and-cpu"], cases["hpa-backlog-and-http-rate"], cases["keda-scaledobject"] = cases["hpa-backlog"], cases["hpa-backlog"], cases["hpa-backlog"]
	for component, c := range cases {
		t.Run(component, func(t *testing.T) {
			spec := arithmetic(t, component)
			got := follow(t, spec, spec.MinReplicas, hpa.Value(1e6*hpa.Unit))
			if diff := cmp.Diff(c.up, steps(got)); diff != "" {
				t.Errorf("a flood (-want +got):\n%s", diff)
			}
			got = follow(t, spec, c.most, hpa.Value(0))
			if diff := cmp.Diff(c.down, steps(got)); diff != "" {
				t.Errorf("an idle flow (-want +got):\n%s", diff)
			}
		})
	}
}

// follow returns when the controller changes the number of pods, and to what, counted from when it saw for the last time that all is well.
func follow(t *testing.T, spec hpa.Spec, replicas int32, then hpa.Metric) map[string]int32 {
	t.Helper()
	controller, err := hpa.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(0, 0)
	well := hpa.Value(hpa.Milli(replicas) * spec.AverageValue)
	controller.Sync(start, replicas, replicas, well)
	got := map[string]int32{}
	for after := hpa.SyncPeriod; after <= 15*time.Minute; after += hpa.SyncPeriod {
		if d := controller.Sync(start.Add(after), replicas, replicas, then); d.Rescale {
			replicas = d.Desired
			got[after.String()] = replicas
		}
	}
	return got
}

// arithmetic is the component's autoscaler, or the one that KEDA makes of it, scaling on its first metric.
func arithmetic(t *testing.T, component string) hpa.Spec {
	t.Helper()
	files := tree(t)
	choose(t, files, "generic", "flow", component)
	all := objects(t, files, "generic")
	if component == "keda-scaledobject" {
		o := all.scaledObjects[0].Spec
		value := resource.MustParse(o.Triggers[0].Metadata["value"])
		return ours(o.MinReplicaCount, o.MaxReplicaCount, value, o.Advanced.HorizontalPodAutoscalerConfig.Behavior)
	}
	spec := theAutoscaler(t, all).Spec
	var target autoscalingv2.MetricTarget
	if m := spec.Metrics[0]; m.External != nil {
		target = m.External.Target
	} else {
		target = m.Pods.Target
	}
	return ours(*spec.MinReplicas, spec.MaxReplicas, *target.AverageValue, spec.Behavior)
}

func ours(least, most int32, value resource.Quantity, b *autoscalingv2.HorizontalPodAutoscalerBehavior) hpa.Spec {
	return hpa.Spec{
		MinReplicas: least, MaxReplicas: most, AverageValue: hpa.Milli(value.MilliValue()),
		Behavior: &hpa.Behavior{ScaleUp: rules(b.ScaleUp), ScaleDown: rules(b.ScaleDown)},
	}
}

func rules(r *autoscalingv2.HPAScalingRules) *hpa.Rules {
	out := &hpa.Rules{StabilizationWindow: new(time.Duration(*r.StabilizationWindowSeconds) * time.Second)}
	for _, p := range r.Policies {
		out.Policies = append(out.Policies, hpa.Policy{
			Type: hpa.PolicyType(p.Type), Value: p.Value, Period: time.Duration(p.PeriodSeconds) * time.Second,
		})
	}
	return out
}

// The behavior that the HTTP-rate tutorial's repository ships, field by field.
func TestHTTPRateBehavior(t *testing.T) {
	files := tree(t)
	choose(t, files, "generic", "flow", "hpa-http-rate")
	policy := func(kind autoscalingv2.HPAScalingPolicyType, value, seconds int32) autoscalingv2.HPAScalingPolicy {
		return autoscalingv2.HPAScalingPolicy{Type: kind, Value: value, PeriodSeconds: seconds}
	}
	want := &autoscalingv2.HorizontalPodAutoscalerBehavior{
		ScaleUp: &autoscalingv2.HPAScalingRules{
			StabilizationWindowSeconds: new(int32(30)), SelectPolicy: new(autoscalingv2.MaxChangePolicySelect),
			Policies: []autoscalingv2.HPAScalingPolicy{policy(autoscalingv2.PercentScalingPolicy, 100, 30), policy(autoscalingv2.PodsScalingPolicy, 2, 30)},
		},
		ScaleDown: &autoscalingv2.HPAScalingRules{
			StabilizationWindowSeconds: new(int32(300)), SelectPolicy: new(autoscalingv2.MaxChangePolicySelect),
			Policies: []autoscalingv2.HPAScalingPolicy{policy(autoscalingv2.PercentScalingPolicy, 50, 180), policy(autoscalingv2.PodsScalingPolicy, 1, 180)},
		},
	}
	if diff := cmp.Diff(want, theAutoscaler(t, objects(t, files, "generic")).Spec.Behavior); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Utilization is of what all containers of the pod request, and unknown when one of them requests nothing.
func TestEveryContainerRequestsWhatTheAutoscalerDividesBy(t *testing.T) {
	for name, d := range everyDeployment(t) {
		for _, c := range containers(d.Deployment) {
			if c.Resources.Requests.Cpu().IsZero() {
				t.Errorf("%s: container %s requests no CPU", name, c.Name)
			}
		}
	}
}

func TestScaledObject(t *testing.T) {
	files := tree(t)
	choose(t, files, "generic", "flow", "keda-scaledobject")
	all := objects(t, files, "generic")
	o := all.scaledObjects[0]
	worker := all.deployment(t, o.Spec.ScaleTargetRef.Name)
	if worker.Labels["app.kubernetes.io/name"] != "worker" || o.Spec.MinReplicaCount != 2 || o.Spec.MaxReplicaCount != 20 {
		t.Errorf("scales %s from %d to %d, want the worker from 2 to 20", worker.Name, o.Spec.MinReplicaCount, o.Spec.MaxReplicaCount)
	}
	exporter := all.deployment(t, "backlog-exporter").Spec.Template.Spec.Containers[0]
	_, port, _ := strings.Cut(flagOf(t, exporter, "keda-scaler"), ":")
	want := map[string]string{
		"scalerAddress": "backlog-exporter." + o.Namespace + ".svc:" + port, "project": "PROJECT", "subscriptionName": "SUBSCRIPTION", "value": "40000",
	}
	if diff := cmp.Diff(want, o.Spec.Triggers[0].Metadata); diff != "" || o.Spec.Triggers[0].Type != "external" {
		t.Errorf("trigger of type %s (-want +got):\n%s", o.Spec.Triggers[0].Type, diff)
	}
}

// adapterRule is the part of a Prometheus adapter's rule that is used here.
type adapterRule struct {
	SeriesQuery  string
	MetricsQuery string
	Name         struct{ Matches, As string }
	Resources    struct {
		Namespaced *bool
		Overrides  map[string]struct{ Resource string }
	}
}

type adapterConfig struct {
	ExternalRules []adapterRule
	Rules         []adapterRule
}

func TestAdapterRules(t *testing.T) {
	files := tree(t)
	config := strictly[adapterConfig](t, read(t, files, "/deploy/components/prometheus-adapter/config.yaml"))
	t.Run("external metrics", func(t *testing.T) {
		served := map[string]adapterRule{}
		for _, rule := range config.ExternalRules {
			_, after, _ := strings.Cut(rule.SeriesQuery, `__name__="`)
			name, _, _ := strings.Cut(after, `"`)
			served[name] = rule
		}
		for component, metrics := range autoscalers() {
			for _, m := range metrics {
				if m.External == nil || m.External.Metric.Name == stackdriverAdapter {
					continue
				}
				rule, ok := served[m.External.Metric.Name]
				if !ok || rule.Name.As != "" {
					t.Errorf("%s: no rule serves %s under its own name: %+v", component, m.External.Metric.Name, rule)
					continue
				}
				if rule.Resources.Namespaced == nil || *rule.Resources.Namespaced {
					t.Error("the rule asks for the workers' namespace, which the exporter's series do not carry")
				}
				own := ""
				if m.External.Metric.Name == backlog.DesiredReplicas.Short() {
					own = `horizontalpodautoscaler="",`
				}
				if want := "max by (project_id, subscription_id) (<<.Series>>{" + own + "<<.LabelMatchers>>})"; rule.MetricsQuery != want {
					t.Errorf("query %s, want %s", rule.MetricsQuery, want)
				}
				for label := range m.External.Metric.Selector.MatchLabels {
					if !slices.Contains([]string{"project_id", "subscription_id"}, label) {
						t.Errorf("%s: the rule loses the label %s, which the autoscaler selects by", component, label)
					}
				}
			}
		}
	})
	t.Run("http rate", func(t *testing.T) {
		if len(config.Rules) != 1 {
			t.Fatalf("%d rules, want 1", len(config.Rules))
		}
		want := adapterRule{
			SeriesQuery:  `http_requests_total{namespace!="",pod!=""}`,
			MetricsQuery: `sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)`,
		}
		want.Name.Matches, want.Name.As = "http_requests_total", "http_requests_per_second"
		want.Resources.Overrides = map[string]struct{ Resource string }{"namespace": {"namespace"}, "pod": {"pod"}}
		if diff := cmp.Diff(want, config.Rules[0]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("the ConfigMap has the file as it is, in the adapter's namespace", func(t *testing.T) {
		choose(t, files, "generic", "flow", "prometheus-adapter")
		maps := objects(t, files, "generic").configMaps
		if len(maps) != 1 || maps[0].Namespace != "monitoring" || maps[0].Name != "spillway-prometheus-adapter" {
			t.Fatalf("ConfigMaps %+v, want spillway-prometheus-adapter in monitoring", maps)
		}
		if diff := cmp.Diff(string(read(t, files, "/deploy/components/prometheus-adapter/config.yaml")), maps[0].Data["config.yaml"]); diff != "" {
			t.Errorf("(-file +ConfigMap):\n%s", diff)
		}
	})
}
