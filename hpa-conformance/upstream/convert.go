package upstream

import (
	"strconv"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	defaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"

	"spillway/hpa-conformance/trace"
	"spillway/internal/hpa"
)

const (
	namespace = "shop"
	ours      = "workers" // The autoscaler under test, and its target.
	rival     = "rival"   // Another autoscaler, and its target.
	objectRef = "Service"
)

// autoscaler is spec as the API server stores it, defaults filled in.
func autoscaler(name string, spec *hpa.Spec) *autoscalingv2.HorizontalPodAutoscaler {
	h := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name), ResourceVersion: "1"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
			MaxReplicas:    spec.MaxReplicas,
		},
	}
	switch {
	case spec.MinZero:
		h.Spec.MinReplicas = new(int32(0))
	case spec.MinReplicas != 0:
		h.Spec.MinReplicas = new(spec.MinReplicas)
	}
	for i := range spec.Metrics {
		h.Spec.Metrics = append(h.Spec.Metrics, metricSpec(&spec.Metrics[i]))
	}
	if b := spec.Behavior; b != nil {
		h.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: rules(b.ScaleUp), ScaleDown: rules(b.ScaleDown)}
	}
	defaults.SetDefaults_HorizontalPodAutoscaler(h)
	return h
}

func metricSpec(m *hpa.MetricSpec) autoscalingv2.MetricSpec {
	t := target(&m.Target)
	out := autoscalingv2.MetricSpec{Type: autoscalingv2.MetricSourceType(m.Source)}
	switch m.Source {
	case hpa.External:
		out.External = &autoscalingv2.ExternalMetricSource{Metric: autoscalingv2.MetricIdentifier{Name: m.Name}, Target: t}
	case hpa.Object:
		out.Object = &autoscalingv2.ObjectMetricSource{
			DescribedObject: autoscalingv2.CrossVersionObjectReference{APIVersion: "v1", Kind: objectRef, Name: "front"},
			Metric:          autoscalingv2.MetricIdentifier{Name: m.Name},
			Target:          t,
		}
	case hpa.PodsMetric:
		out.Pods = &autoscalingv2.PodsMetricSource{Metric: autoscalingv2.MetricIdentifier{Name: m.Name}, Target: t}
	case hpa.Resource:
		out.Resource = &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceName(m.Name), Target: t}
	case hpa.ContainerResource:
		out.ContainerResource = &autoscalingv2.ContainerResourceMetricSource{Name: corev1.ResourceName(m.Name), Container: m.Container, Target: t}
	}
	return out
}

func target(t *hpa.Target) autoscalingv2.MetricTarget {
	switch {
	case t.AverageValue != 0:
		return autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: milli(t.AverageValue)}
	case t.Value != 0:
		return autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: milli(t.Value)}
	}
	return autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(t.Utilization)}
}

func milli(v hpa.Milli) *resource.Quantity {
	return resource.NewMilliQuantity(int64(v), resource.DecimalSI)
}

func rules(r *hpa.Rules) *autoscalingv2.HPAScalingRules {
	if r == nil {
		return nil
	}
	out := new(autoscalingv2.HPAScalingRules)
	if w := r.StabilizationWindow; w != nil {
		out.StabilizationWindowSeconds = new(int32(w.Seconds()))
	}
	if r.Select != "" {
		out.SelectPolicy = new(autoscalingv2.ScalingPolicySelect(r.Select))
	}
	for _, p := range r.Policies {
		out.Policies = append(out.Policies, autoscalingv2.HPAScalingPolicy{
			Type: autoscalingv2.HPAScalingPolicyType(p.Type), Value: p.Value, PeriodSeconds: int32(p.Period.Seconds()),
		})
	}
	if r.Tolerance != nil {
		out.Tolerance = new(resource.MustParse(strconv.FormatFloat(*r.Tolerance, 'f', -1, 64)))
	}
	return out
}

func pod(p *hpa.Pod) *corev1.Pod {
	out := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: p.Name, Labels: map[string]string{"app": ours}},
		Status:     corev1.PodStatus{Phase: corev1.PodPhase(p.Phase)},
	}
	if p.Deleted {
		out.DeletionTimestamp = new(metav1.Now())
	}
	if !p.Started.IsZero() {
		out.Status.StartTime = new(metav1.NewTime(p.Started))
	}
	if p.Ready != hpa.ReadyAbsent {
		out.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionStatus(p.Ready), LastTransitionTime: metav1.NewTime(p.ReadySince),
		}}
	}
	for i := range p.Containers {
		c := corev1.Container{Name: p.Containers[i].Name, Resources: corev1.ResourceRequirements{Requests: resources(p.Containers[i].Requests)}}
		if i > 0 { // Every further container is an init container that restarts always: it counts like the first.
			c.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
			out.Spec.InitContainers = append(out.Spec.InitContainers, c)
			continue
		}
		out.Spec.Containers = append(out.Spec.Containers, c)
	}
	if p.Requests != nil {
		out.Spec.Resources = &corev1.ResourceRequirements{Requests: resources(ownRequests(p))}
	}
	return out
}

// ownRequests are the requests of a pod of its own: those that are not the sums of its containers'.
func ownRequests(p *hpa.Pod) map[string]hpa.Milli {
	own := map[string]hpa.Milli{}
	for name, v := range p.Requests {
		var sum hpa.Milli
		for _, c := range p.Containers {
			sum += c.Requests[name]
		}
		if v != sum {
			own[name] = v
		}
	}
	return own
}

func resources(m map[string]hpa.Milli) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, v := range m {
		out[corev1.ResourceName(name)] = *milli(v)
	}
	return out
}

// object is a status as the API server stores it, messages left out.
func object(s *hpa.Status) autoscalingv2.HorizontalPodAutoscalerStatus {
	out := autoscalingv2.HorizontalPodAutoscalerStatus{CurrentReplicas: s.Current, DesiredReplicas: s.Desired}
	for _, c := range s.Conditions {
		holds := corev1.ConditionFalse
		if c.Holds {
			holds = corev1.ConditionTrue
		}
		out.Conditions = append(out.Conditions, autoscalingv2.HorizontalPodAutoscalerCondition{
			Type: autoscalingv2.HorizontalPodAutoscalerConditionType(c.Type), Status: holds, Reason: string(c.Reason), LastTransitionTime: metav1.NewTime(c.Since),
		})
	}
	return out
}

// status is what the real controller wrote, without its messages.
func status(s *autoscalingv2.HorizontalPodAutoscalerStatus) hpa.Status {
	out := hpa.Status{Current: s.CurrentReplicas, Desired: s.DesiredReplicas}
	if s.LastScaleTime != nil {
		out.LastScale = bare(s.LastScaleTime.Time)
	}
	for i := range s.CurrentMetrics {
		out.Metrics = append(out.Metrics, metricStatus(&s.CurrentMetrics[i]))
	}
	for _, c := range s.Conditions {
		out.Conditions = append(out.Conditions, hpa.Condition{
			Type: hpa.ConditionType(c.Type), Holds: c.Status == corev1.ConditionTrue, Reason: hpa.Reason(c.Reason), Since: bare(c.LastTransitionTime.Time),
		})
	}
	return trace.Bare(out)
}

// bare is t without its monotonic clock.
func bare(t time.Time) time.Time { return t.Round(0).UTC() }

func metricStatus(m *autoscalingv2.MetricStatus) hpa.MetricStatus {
	out := hpa.MetricStatus{Source: hpa.Source(m.Type)}
	var v autoscalingv2.MetricValueStatus
	switch {
	case m.External != nil:
		out.Name, v = m.External.Metric.Name, m.External.Current
	case m.Object != nil:
		out.Name, v = m.Object.Metric.Name, m.Object.Current
	case m.Pods != nil:
		out.Name, v = m.Pods.Metric.Name, m.Pods.Current
	case m.Resource != nil:
		out.Name, v = string(m.Resource.Name), m.Resource.Current
	case m.ContainerResource != nil:
		out.Name, out.Container, v = string(m.ContainerResource.Name), m.ContainerResource.Container, m.ContainerResource.Current
	}
	switch {
	case v.AverageUtilization != nil:
		out.Kind, out.Value, out.Utilization = hpa.KindUtilization, hpa.Milli(v.AverageValue.MilliValue()), *v.AverageUtilization
	case v.AverageValue != nil:
		out.Kind, out.Value = hpa.KindAverageValue, hpa.Milli(v.AverageValue.MilliValue())
	case v.Value != nil:
		out.Kind, out.Value = hpa.KindValue, hpa.Milli(v.Value.MilliValue())
	}
	return out
}
