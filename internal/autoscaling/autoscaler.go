package autoscaling

import (
	"errors"
	"fmt"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"spillway/internal/hpa"
)

// Signal is what an autoscaler looks at.
type Signal int

// The signals that can be played.
const (
	// Backlog is a count of unacked messages with an AverageValue.
	Backlog Signal = iota
	// Desired is the exporter's desired replicas with an AverageValue.
	Desired
	// Processor is the utilization of the pods' processor in percent.
	Processor
)

// DesiredMetric is the external metric whose AverageValue is 1.
const DesiredMetric = "pubsub_subscription_desired_replicas"

// Autoscaler is a HorizontalPodAutoscaler as far as it can be played.
type Autoscaler struct {
	Namespace, Name string
	Signal          Signal
	Spec            hpa.Spec
	// Metric is the name of what it looks at, and Left names its other metrics, which are left out.
	Metric string
	Left   []string
	// Project and Subscription are those of the metric's selector; empty where it has none.
	Project, Subscription string

	object autoscalingv2.HorizontalPodAutoscaler
}

// of says what the object means. The error names everything that keeps it from being played.
func of(object *autoscalingv2.HorizontalPodAutoscaler) (*Autoscaler, error) {
	a := &Autoscaler{Namespace: object.Namespace, Name: object.Name, object: *object}
	a.Spec = hpa.Spec{MinReplicas: 1, MaxReplicas: object.Spec.MaxReplicas, Behavior: behaviorOf(object.Spec.Behavior)}
	if object.Spec.MinReplicas != nil {
		a.Spec.MinReplicas = *object.Spec.MinReplicas
	}
	var why []string
	for i := range object.Spec.Metrics {
		metric := &object.Spec.Metrics[i]
		name, reason := a.take(metric)
		switch {
		case reason != "":
			why = append(why, reason)
			a.Left = append(a.Left, name)
		case a.Metric != "":
			a.Left = append(a.Left, name)
		default:
			a.accept(metric, name)
		}
	}
	if a.Metric == "" {
		why = append(why, "give one with an External metric of the backlog and an AverageValue, or with the processor's averageUtilization")
		return nil, errors.New("no metric of the autoscaler can be played: " + strings.Join(why, "; "))
	}
	if err := a.Spec.Validate(); err != nil {
		return nil, fmt.Errorf("the autoscaler: %w", err)
	}
	return a, nil
}

// take says what a metric is called, and why it cannot be played.
func (a *Autoscaler) take(m *autoscalingv2.MetricSpec) (name, reason string) {
	switch {
	case m.External != nil:
		name = m.External.Metric.Name
		switch {
		case !strings.Contains(name, "undelivered_messages") && !strings.Contains(name, "unacked_messages") &&
			!strings.Contains(name, "backlog_messages") && !strings.Contains(name, "desired_replicas"):
			return name, fmt.Sprintf("the metric %q is neither a backlog nor desired replicas", name)
		case m.External.Target.AverageValue == nil:
			return name, fmt.Sprintf("the metric %q has no averageValue", name)
		}
		return name, ""
	case m.Resource != nil && m.Resource.Name == corev1.ResourceCPU && m.Resource.Target.AverageUtilization != nil:
		return "cpu", ""
	}
	return string(m.Type), fmt.Sprintf("a metric of the type %s depends on more than the flow", m.Type)
}

func (a *Autoscaler) accept(m *autoscalingv2.MetricSpec, name string) {
	a.Metric = name
	if m.External == nil {
		a.Signal, a.Spec.AverageValue = Processor, hpa.Milli(*m.Resource.Target.AverageUtilization)*hpa.Unit
		return
	}
	a.Spec.AverageValue = hpa.Milli(m.External.Target.AverageValue.MilliValue())
	if strings.Contains(name, "desired_replicas") {
		a.Signal = Desired
	}
	if s := m.External.Metric.Selector; s != nil {
		for key, value := range s.MatchLabels {
			switch strings.TrimPrefix(strings.TrimPrefix(key, "resource.labels."), "metric.labels.") {
			case "subscription_id":
				a.Subscription = value
			case "project_id":
				a.Project = value
			}
		}
	}
}

func behaviorOf(b *autoscalingv2.HorizontalPodAutoscalerBehavior) *hpa.Behavior {
	if b == nil {
		return nil
	}
	return &hpa.Behavior{ScaleUp: rulesOf(b.ScaleUp), ScaleDown: rulesOf(b.ScaleDown)}
}

func rulesOf(r *autoscalingv2.HPAScalingRules) *hpa.Rules {
	if r == nil {
		return nil
	}
	out := &hpa.Rules{}
	if w := r.StabilizationWindowSeconds; w != nil {
		out.StabilizationWindow = new(time.Duration(*w) * time.Second)
	}
	if r.SelectPolicy != nil {
		out.Select = hpa.SelectPolicy(*r.SelectPolicy)
	}
	if r.Tolerance != nil {
		out.Tolerance = new(r.Tolerance.AsApproximateFloat64())
	}
	for _, p := range r.Policies {
		out.Policies = append(out.Policies, hpa.Policy{
			Type: hpa.PolicyType(p.Type), Value: p.Value, Period: time.Duration(p.PeriodSeconds) * time.Second,
		})
	}
	return out
}
