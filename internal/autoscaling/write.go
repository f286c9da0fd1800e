package autoscaling

import (
	"cmp"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"spillway/internal/hpa"
)

// WithDesired returns the autoscaler on desired replicas with the bounds and behavior of spec, for the same target and subscription. What is not
// known, such as when a is nil, is written in capitals for the user to fill in.
func (a *Autoscaler) WithDesired(spec hpa.Spec) *Autoscaler {
	if a == nil {
		a = &Autoscaler{Name: "worker"}
		a.object.Name = a.Name
		a.object.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: a.Name}
	}
	out := *a
	out.Signal, out.Spec, out.Metric, out.Left = Desired, spec, DesiredMetric, nil
	out.object = autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: autoscalingv2.SchemeGroupVersion.String(), Kind: "HorizontalPodAutoscaler"},
		ObjectMeta: metav1.ObjectMeta{Namespace: a.object.Namespace, Name: a.object.Name, Labels: a.object.Labels},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: a.object.Spec.ScaleTargetRef,
			MinReplicas:    new(max(1, spec.MinReplicas)),
			MaxReplicas:    spec.MaxReplicas,
			Metrics:        []autoscalingv2.MetricSpec{out.external()},
			Behavior:       writeBehavior(spec.Behavior),
		},
	}
	return &out
}

func (a *Autoscaler) external() autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ExternalMetricSourceType,
		External: &autoscalingv2.ExternalMetricSource{
			Metric: autoscalingv2.MetricIdentifier{Name: a.Metric, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{
				"project_id": cmp.Or(a.Project, "PROJECT"), "subscription_id": cmp.Or(a.Subscription, "SUBSCRIPTION"),
			}}},
			Target: autoscalingv2.MetricTarget{
				Type: autoscalingv2.AverageValueMetricType, AverageValue: resource.NewMilliQuantity(int64(a.Spec.AverageValue), resource.DecimalSI),
			},
		},
	}
}

func writeBehavior(b *hpa.Behavior) *autoscalingv2.HorizontalPodAutoscalerBehavior {
	if b == nil {
		return nil
	}
	return &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: writeRules(b.ScaleUp), ScaleDown: writeRules(b.ScaleDown)}
}

func writeRules(r *hpa.Rules) *autoscalingv2.HPAScalingRules {
	if r == nil {
		return nil
	}
	out := &autoscalingv2.HPAScalingRules{}
	if w := r.StabilizationWindow; w != nil {
		out.StabilizationWindowSeconds = new(int32(*w / time.Second)) //nolint:gosec // an hour at the most, which Validate holds
	}
	if r.Select != "" {
		out.SelectPolicy = new(autoscalingv2.ScalingPolicySelect(r.Select))
	}
	if r.Tolerance != nil {
		out.Tolerance = resource.NewMilliQuantity(int64(*r.Tolerance*1000+0.5), resource.DecimalSI)
	}
	for _, p := range r.Policies {
		out.Policies = append(out.Policies, autoscalingv2.HPAScalingPolicy{
			Type: autoscalingv2.HPAScalingPolicyType(p.Type), Value: p.Value,
			PeriodSeconds: int32(p.Period / time.Second), //nolint:gosec // half an hour at the most, which Validate holds
		})
	}
	return out
}

// YAML returns the object as kubectl apply takes it: without a status and what the API server adds.
func (a *Autoscaler) YAML() ([]byte, error) {
	content, err := yaml.Marshal(a.object)
	if err != nil {
		return nil, fmt.Errorf("writing the autoscaler: %w", err)
	}
	var fields map[string]any
	if err := yaml.Unmarshal(content, &fields); err != nil {
		return nil, fmt.Errorf("reading the autoscaler again: %w", err)
	}
	delete(fields, "status")
	if meta, ok := fields["metadata"].(map[string]any); ok {
		delete(meta, "creationTimestamp")
	}
	if content, err = yaml.Marshal(fields); err != nil {
		return nil, fmt.Errorf("writing the autoscaler: %w", err)
	}
	return content, nil
}
