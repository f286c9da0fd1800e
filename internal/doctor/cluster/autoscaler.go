package cluster

import (
	"context"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Autoscaler is a HorizontalPodAutoscaler as far as it concerns a backlog.
type Autoscaler struct {
	Namespace, Name string
	Target          Scaled
	// Min and Max are its bounds, Current and Desired the replicas at its controller's last look.
	Min, Max, Current, Desired int32
	// Metrics are its External ones; Others counts those of other types.
	Metrics    []External
	Others     int
	Conditions []Condition
}

// Scaled is the object whose replicas are set.
type Scaled struct{ APIVersion, Kind, Name string }

// String returns Kind/name.
func (s Scaled) String() string { return s.Kind + "/" + s.Name }

// Selector is Kubernetes' own, under a name that others may use without knowing Kubernetes.
type Selector = labels.Selector

// External is one metric that an autoscaler asks the external metrics API for.
type External struct {
	Name string
	// Selector is what the controller asks with; nil when it does not parse, then Err says why.
	Selector Selector
	Err      error
	// Want is the target in words: "AverageValue 40000".
	Want string
}

// Condition is what the controller says of an autoscaler.
type Condition struct{ Type, Status, Reason, Message string }

// Autoscaler reads one of the namespace. The error is the API's.
func (c *Client) Autoscaler(ctx context.Context, name string) (Autoscaler, error) {
	object, err := c.objects.Resource(autoscalers()).Namespace(c.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return Autoscaler{}, fmt.Errorf("getting the autoscaler: %w", err)
	}
	var hpa autoscalingv2.HorizontalPodAutoscaler
	if err := into(object, &hpa); err != nil {
		return Autoscaler{}, err
	}
	return autoscalerOf(&hpa), nil
}

// Autoscalers lists those of the namespace. The error is the API's.
func (c *Client) Autoscalers(ctx context.Context) ([]Autoscaler, error) {
	found, err := list[autoscalingv2.HorizontalPodAutoscaler](ctx, c, autoscalers(), c.Namespace, "")
	if err != nil {
		return nil, fmt.Errorf("listing the autoscalers: %w", err)
	}
	all := make([]Autoscaler, len(found))
	for i := range found {
		all[i] = autoscalerOf(&found[i])
	}
	return all, nil
}

func autoscalerOf(hpa *autoscalingv2.HorizontalPodAutoscaler) Autoscaler {
	ref := hpa.Spec.ScaleTargetRef
	a := Autoscaler{
		Namespace: hpa.Namespace, Name: hpa.Name, Target: Scaled{ref.APIVersion, ref.Kind, ref.Name},
		Min: 1, Max: hpa.Spec.MaxReplicas, Current: hpa.Status.CurrentReplicas, Desired: hpa.Status.DesiredReplicas,
	}
	if hpa.Spec.MinReplicas != nil {
		a.Min = *hpa.Spec.MinReplicas
	}
	for i := range hpa.Spec.Metrics {
		if m := hpa.Spec.Metrics[i].External; m != nil {
			a.Metrics = append(a.Metrics, externalOf(m))
		} else {
			a.Others++
		}
	}
	for _, one := range hpa.Status.Conditions {
		a.Conditions = append(a.Conditions, Condition{string(one.Type), string(one.Status), one.Reason, one.Message})
	}
	return a
}

func externalOf(m *autoscalingv2.ExternalMetricSource) External {
	e := External{Name: m.Metric.Name, Selector: labels.Everything(), Want: string(m.Target.Type)}
	if m.Metric.Selector != nil { // without one the controller asks for everything
		e.Selector, e.Err = metav1.LabelSelectorAsSelector(m.Metric.Selector)
	}
	switch {
	case m.Target.AverageValue != nil:
		e.Want += " " + m.Target.AverageValue.String()
	case m.Target.Value != nil:
		e.Want += " " + m.Target.Value.String()
	}
	return e
}
