package deploy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"

	"spillway/internal/hpa"
)

func TestAutoscaler(t *testing.T) {
	cases := map[string]struct {
		metric   string
		selector map[string]string
	}{
		"gke": {
			metric:   "pubsub.googleapis.com|subscription|num_undelivered_messages",
			selector: map[string]string{"resource.labels.subscription_id": "SUBSCRIPTION"},
		},
		"generic": {
			metric:   "stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages",
			selector: map[string]string{"project_id": "PROJECT", "subscription_id": "SUBSCRIPTION"},
		},
	}
	for overlay, c := range cases {
		t.Run(overlay, func(t *testing.T) {
			all := objects(t, tree(t), overlay)
			if len(all.autoscalers) != 1 {
				t.Fatalf("%d autoscalers, want 1: two on the same pods stop each other", len(all.autoscalers))
			}
			spec := all.autoscalers[0].Spec
			if *spec.MinReplicas != 2 || spec.MaxReplicas != 20 {
				t.Errorf("%d to %d pods, want 2 to 20", *spec.MinReplicas, spec.MaxReplicas)
			}
			if len(spec.Metrics) != 1 || spec.Metrics[0].Type != autoscalingv2.ExternalMetricSourceType {
				t.Fatalf("metrics %+v, want one External", spec.Metrics)
			}
			external := spec.Metrics[0].External
			if external.Metric.Name != c.metric {
				t.Errorf("metric %s, want %s", external.Metric.Name, c.metric)
			}
			if diff := cmp.Diff(c.selector, external.Metric.Selector.MatchLabels); diff != "" {
				t.Errorf("selector (-want +got):\n%s", diff)
			}
			if external.Target.Type != autoscalingv2.AverageValueMetricType || external.Target.AverageValue.String() != "40k" {
				t.Errorf("target %+v, want an AverageValue of 40000", external.Target)
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

// What the manifests' comments say about the behavior, by the autoscaler's own arithmetic.
func TestBehavior(t *testing.T) {
	for _, overlay := range overlays() {
		t.Run(overlay, func(t *testing.T) {
			controller, err := hpa.New(arithmetic(t, objects(t, tree(t), overlay).autoscalers[0]))
			if err != nil {
				t.Fatal(err)
			}
			start := time.Unix(0, 0)
			if d := controller.Sync(start, 2, 2, hpa.Value(800000*hpa.Unit)); d.Desired != 20 {
				t.Errorf("from 2 pods 800,000 messages lead to %d in one step, want 20", d.Desired)
			}
			replicas, got := int32(20), map[string]int32{}
			for after := hpa.SyncPeriod; after <= 15*time.Minute; after += hpa.SyncPeriod {
				d := controller.Sync(start.Add(after), replicas, replicas, hpa.Value(0))
				if replicas = d.Desired; d.Rescale {
					got[after.String()] = replicas
				}
			}
			want := map[string]int32{"5m0s": 16, "6m0s": 12, "7m0s": 9, "8m0s": 7, "9m0s": 5, "10m0s": 4, "11m0s": 3, "12m0s": 2}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("scale-down (-want +got):\n%s", diff)
			}
		})
	}
}

func arithmetic(t *testing.T, o *autoscalingv2.HorizontalPodAutoscaler) hpa.Spec {
	t.Helper()
	b := o.Spec.Behavior
	down := b.ScaleDown
	if *down.StabilizationWindowSeconds != 300 || len(down.Policies) != 1 || down.Policies[0].Value != 20 || down.Policies[0].PeriodSeconds != 60 {
		t.Errorf("scaleDown %+v, want 300 s and 20 %% in 60 s", down)
	}
	return hpa.Spec{
		MinReplicas:  *o.Spec.MinReplicas,
		MaxReplicas:  o.Spec.MaxReplicas,
		AverageValue: hpa.Milli(o.Spec.Metrics[0].External.Target.AverageValue.MilliValue()),
		Behavior:     &hpa.Behavior{ScaleUp: rules(b.ScaleUp), ScaleDown: rules(down)},
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

func TestHTTPRateComponent(t *testing.T) {
	for _, overlay := range overlays() {
		t.Run(overlay, func(t *testing.T) {
			files := tree(t)
			write(t, files, "/deploy/mine/kustomization.yaml", "resources: [../"+overlay+"]\ncomponents: [../components/http-rate-hpa]\n")
			autoscalers := objects(t, files, "mine").autoscalers
			if len(autoscalers) != 1 || len(autoscalers[0].Spec.Metrics) != 2 {
				t.Fatalf("%d autoscalers, want one with two metrics", len(autoscalers))
			}
			rate := autoscalers[0].Spec.Metrics[1]
			if rate.Type != autoscalingv2.PodsMetricSourceType || rate.Pods.Metric.Name != "http_requests_per_second" || rate.Pods.Target.AverageValue.String() != "5" {
				t.Errorf("second metric %+v, want 5 http_requests_per_second by pod", rate)
			}
		})
	}
	t.Run("its comment in the overlays can be taken away", func(t *testing.T) {
		for _, overlay := range overlays() {
			files := tree(t)
			edit(t, files, "/deploy/"+overlay+"/kustomization.yaml", "# - ../components/http-rate-hpa", "- ../components/http-rate-hpa")
			if got := len(objects(t, files, overlay).autoscalers[0].Spec.Metrics); got != 2 {
				t.Errorf("%s has %d metrics, want 2", overlay, got)
			}
		}
	})
}

// adapterRule is the part of a Prometheus adapter's rule that must fit the autoscalers.
type adapterRule struct {
	SeriesQuery  string
	MetricsQuery string
	Name         struct{ Matches, As string }
	Resources    struct {
		Namespaced *bool
		Overrides  map[string]struct{ Resource string }
	}
}

func TestAdapterRules(t *testing.T) {
	files := tree(t)
	t.Run("backlog", func(t *testing.T) {
		rule := adapterRules(t, files.ReadFile, "/deploy/generic/prometheus-adapter-rules.yaml", "externalRules")
		external := objects(t, files, "generic").autoscalers[0].Spec.Metrics[0].External
		if !strings.Contains(rule.SeriesQuery, `__name__="`+external.Metric.Name+`"`) || rule.Name.As != "" {
			t.Errorf("rule %+v does not serve %s", rule, external.Metric.Name)
		}
		if rule.Resources.Namespaced == nil || *rule.Resources.Namespaced {
			t.Error("the rule asks for the workers' namespace, which the exporter's series do not carry")
		}
		_, by, _ := strings.Cut(rule.MetricsQuery, " by ")
		labels := strings.Split(strings.Trim(by, "()"), ", ")
		for label := range external.Metric.Selector.MatchLabels {
			if !slices.Contains(labels, label) {
				t.Errorf("%s loses the label %s, which the autoscaler selects by", rule.MetricsQuery, label)
			}
		}
	})
	t.Run("http rate", func(t *testing.T) {
		rule := adapterRules(t, files.ReadFile, "/deploy/components/http-rate-hpa/prometheus-adapter-rules.yaml", "rules")
		if rule.Name.Matches != "http_requests_total" || rule.Name.As != "http_requests_per_second" {
			t.Errorf("rule names %+v, want http_requests_total as http_requests_per_second", rule.Name)
		}
		if rule.Resources.Overrides["pod"].Resource != "pod" || rule.Resources.Overrides["namespace"].Resource != "namespace" {
			t.Errorf("rule knows %+v, want pod and namespace", rule.Resources.Overrides)
		}
	})
}

func adapterRules(t *testing.T, read func(string) ([]byte, error), name, key string) adapterRule {
	t.Helper()
	content, err := read(name)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]adapterRule{}
	if err := yaml.UnmarshalStrict(content, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || len(all[key]) != 1 {
		t.Fatalf("%s: %+v, want one of %s", name, all, key)
	}
	return all[key][0]
}
