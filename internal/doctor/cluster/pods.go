package cluster

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Pod is one pod behind an autoscaler.
type Pod struct {
	Name, Address string
	// Ready is what Services go by; Why says why it is not, as far as the cluster does.
	Ready       bool
	Why         string
	Terminating bool
	// Ports are its containers' TCP ports, in their order.
	Ports []Port
	// Annotations are the pod's own.
	Annotations map[string]string
}

// Port is a port that a container declares. Its name may be empty.
type Port struct {
	Name   string
	Number int32
}

// Pods lists the pods that the selector in the target's scale chooses, without those that have ended. The error is the
// API's.
func (c *Client) Pods(ctx context.Context, of Scaled) ([]Pod, error) {
	selector, err := c.selector(ctx, of)
	if err != nil {
		return nil, err
	}
	found, err := list[corev1.Pod](ctx, c, core("pods"), c.Namespace, selector)
	if err != nil {
		return nil, fmt.Errorf("listing the pods: %w", err)
	}
	var pods []Pod
	for i := range found {
		if phase := found[i].Status.Phase; phase != corev1.PodSucceeded && phase != corev1.PodFailed {
			pods = append(pods, podOf(&found[i]))
		}
	}
	return pods, nil
}

// selector reads the scale of any kind of object. Resources are called as their kind's lower-case plural, which holds for
// everything that is scaled and saves asking what the cluster has.
func (c *Client) selector(ctx context.Context, of Scaled) (string, error) {
	group, err := schema.ParseGroupVersion(of.APIVersion)
	if err != nil {
		return "", fmt.Errorf("the target's apiVersion: %w", err)
	}
	plural, _ := meta.UnsafeGuessKindToResource(group.WithKind(of.Kind))
	scale, err := c.objects.Resource(plural).Namespace(c.Namespace).Get(ctx, of.Name, metav1.GetOptions{}, "scale")
	if err != nil {
		return "", fmt.Errorf("getting the scale of %s: %w", of, err)
	}
	selector, _, _ := unstructured.NestedString(scale.Object, "status", "selector")
	if selector == "" {
		return "", errors.New("the scale's selector is empty, which would mean every pod")
	}
	return selector, nil
}

func podOf(p *corev1.Pod) Pod {
	pod := Pod{Name: p.Name, Address: p.Status.PodIP, Terminating: p.DeletionTimestamp != nil, Annotations: p.Annotations, Why: string(p.Status.Phase)}
	for _, one := range p.Status.Conditions {
		switch {
		case one.Type == corev1.PodReady:
			pod.Ready = one.Status == corev1.ConditionTrue
		case one.Type == corev1.PodScheduled && one.Status == corev1.ConditionFalse:
			pod.Why = one.Reason + ": " + one.Message
		}
	}
	for i := range p.Status.ContainerStatuses {
		if s := &p.Status.ContainerStatuses[i]; s.State.Waiting != nil && s.State.Waiting.Reason != "" {
			pod.Why = s.Name + " is waiting: " + s.State.Waiting.Reason
		}
	}
	for i := range p.Spec.Containers {
		for _, port := range p.Spec.Containers[i].Ports {
			if port.Protocol == corev1.ProtocolTCP || port.Protocol == "" {
				pod.Ports = append(pod.Ports, Port{port.Name, port.ContainerPort})
			}
		}
	}
	return pod
}
