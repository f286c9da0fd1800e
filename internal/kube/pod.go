package kube

import (
	"cmp"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/internal/backlog"
)

// Pod is one pod that an autoscaler scales.
type Pod struct {
	Name string
	// Address is its IP.
	Address string
	// Ports are its containers' named TCP ports.
	Ports map[string]int32
	// Ready is what the cluster's Services go by. Terminating pods still run until they are gone.
	Ready, Terminating bool
	// Started is when the cluster began to run it.
	Started time.Time
}

// Target is what an autoscaler scales, and on which subscriptions. It is the caller's.
type Target struct {
	Autoscaler
	Scaled        Scaled
	Subscriptions []backlog.Subscription
	// Min and Max are the autoscaler's bounds, Current the replicas at its controller's last look.
	Min, Max, Current int32
	// Pods are those that have an address and have not ended, in the order of their names.
	Pods []Pod
	// Err says why the pods are not known; then Pods means nothing.
	Err error
}

// podOf returns a pod that runs; ok is false for one that has ended or has no address yet.
func podOf(p *corev1.Pod) (pod Pod, ok bool) {
	if p.Status.PodIP == "" || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return Pod{}, false
	}
	pod = Pod{Name: p.Name, Address: p.Status.PodIP, Terminating: p.DeletionTimestamp != nil, Ports: map[string]int32{}}
	if p.Status.StartTime != nil {
		pod.Started = p.Status.StartTime.Time
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			pod.Ready = c.Status == corev1.ConditionTrue
		}
	}
	for i := range p.Spec.Containers {
		for _, port := range p.Spec.Containers[i].Ports {
			if port.Name != "" && (port.Protocol == corev1.ProtocolTCP || port.Protocol == "") {
				pod.Ports[port.Name] = port.ContainerPort
			}
		}
	}
	return pod, true
}

func byName(pods []Pod) {
	slices.SortFunc(pods, func(a, b Pod) int { return cmp.Compare(a.Name, b.Name) })
}

// slim drops what nobody looks at before an object is kept.
func slim(object any) (any, error) {
	switch o := object.(type) {
	case *corev1.Pod:
		return slimPod(o), nil
	case *autoscalingv2.HorizontalPodAutoscaler:
		o.ManagedFields, o.Annotations, o.Labels = nil, nil, nil
		o.Status = autoscalingv2.HorizontalPodAutoscalerStatus{CurrentReplicas: o.Status.CurrentReplicas}
		return o, nil
	default:
		return object, nil
	}
}

func slimPod(p *corev1.Pod) *corev1.Pod {
	kept := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: p.Namespace, Name: p.Name, UID: p.UID, ResourceVersion: p.ResourceVersion,
			Labels: p.Labels, DeletionTimestamp: p.DeletionTimestamp,
		},
		Status: corev1.PodStatus{Phase: p.Status.Phase, PodIP: p.Status.PodIP, StartTime: p.Status.StartTime},
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			kept.Status.Conditions = []corev1.PodCondition{{Type: c.Type, Status: c.Status}}
		}
	}
	for i := range p.Spec.Containers {
		if ports := p.Spec.Containers[i].Ports; len(ports) > 0 {
			kept.Spec.Containers = append(kept.Spec.Containers, corev1.Container{Ports: ports})
		}
	}
	return kept
}
