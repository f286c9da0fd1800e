package kube

import (
	"cmp"
	"slices"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/internal/backlog"
)

// Pod is one pod that an autoscaler scales.
type Pod struct {
	Name string
	// UID tells it from every other pod that there ever was.
	UID string
	// Address is its IP.
	Address string
	// Ports are its containers' named TCP ports.
	Ports map[string]int32
	// ScrapePort, ScrapePath and ScrapeScheme are what its annotations prometheus.io/port, /path and /scheme say.
	ScrapePort, ScrapePath, ScrapeScheme string
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
	// Window is its stabilization window of scaling down.
	Window time.Duration
	// Settings are its annotations that begin with spillway/, by what follows; nil without.
	Settings map[string]string
	// Pods are those that have an address and have not ended, in the order of their names.
	Pods []Pod
	// Err says why the pods are not known; then Pods means nothing.
	Err error
}

// The annotations by which pods say where their metrics are, as many scrape configurations of Prometheus understand them.
const (
	scrapePort   = "prometheus.io/port"
	scrapePath   = "prometheus.io/path"
	scrapeScheme = "prometheus.io/scheme"
)

// podOf returns a pod that runs; ok is false for one that has ended or has no address yet.
func podOf(p *corev1.Pod) (pod Pod, ok bool) {
	if p.Status.PodIP == "" || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return Pod{}, false
	}
	pod = Pod{
		Name: p.Name, UID: string(p.UID), Address: p.Status.PodIP, Terminating: p.DeletionTimestamp != nil, Ports: map[string]int32{},
		ScrapePort: p.Annotations[scrapePort], ScrapePath: p.Annotations[scrapePath], ScrapeScheme: p.Annotations[scrapeScheme],
	}
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
		o.ManagedFields, o.Labels = nil, nil
		o.Annotations = kept(o.Annotations, func(key string) bool { return strings.HasPrefix(key, settingPrefix) })
		o.Status = autoscalingv2.HorizontalPodAutoscalerStatus{CurrentReplicas: o.Status.CurrentReplicas}
		return o, nil
	default:
		return object, nil
	}
}

// kept returns the annotations that somebody looks at.
func kept(annotations map[string]string, looked func(key string) bool) map[string]string {
	var few map[string]string
	for key, value := range annotations {
		if looked(key) {
			if few == nil {
				few = map[string]string{}
			}
			few[key] = value
		}
	}
	return few
}

func scraped(key string) bool { return key == scrapePort || key == scrapePath || key == scrapeScheme }

func slimPod(p *corev1.Pod) *corev1.Pod {
	slim := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: p.Namespace, Name: p.Name, UID: p.UID, ResourceVersion: p.ResourceVersion,
			Labels: p.Labels, DeletionTimestamp: p.DeletionTimestamp, Annotations: kept(p.Annotations, scraped),
		},
		Status: corev1.PodStatus{Phase: p.Status.Phase, PodIP: p.Status.PodIP, StartTime: p.Status.StartTime},
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			slim.Status.Conditions = []corev1.PodCondition{{Type: c.Type, Status: c.Status}}
		}
	}
	for i := range p.Spec.Containers {
		if ports := p.Spec.Containers[i].Ports; len(ports) > 0 {
			slim.Spec.Containers = append(slim.Spec.Containers, corev1.Container{Ports: ports})
		}
	}
	return slim
}
