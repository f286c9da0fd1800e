package hpa_test

import (
	"fmt"
	"testing"
	"time"

	"spillway/internal/hpa"
)

// noon is the instant of every scene.
var noon = time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)

// one is an autoscaler of 1 to 100 pods by one metric, without windows or rates in the way.
func one(m hpa.MetricSpec) hpa.Spec {
	return hpa.Spec{MaxReplicas: 100, Metrics: []hpa.MetricSpec{m}, Behavior: &hpa.Behavior{
		ScaleUp:   &hpa.Rules{Policies: []hpa.Policy{pods(100, 15*time.Second)}},
		ScaleDown: atOnce(),
	}}
}

func external(t hpa.Target) hpa.MetricSpec {
	return hpa.MetricSpec{Source: hpa.External, Name: "backlog", Target: t}
}

func object(t hpa.Target) hpa.MetricSpec {
	return hpa.MetricSpec{Source: hpa.Object, Name: "requests", Target: t}
}

func perPod(average hpa.Milli) hpa.MetricSpec {
	return hpa.MetricSpec{Source: hpa.PodsMetric, Name: "in_flight", Target: hpa.Target{AverageValue: average}}
}

func processor(percent int32) hpa.MetricSpec {
	return hpa.MetricSpec{Source: hpa.Resource, Name: "cpu", Target: hpa.Target{Utilization: percent}}
}

// ready is a pod that has been ready for an hour, with a container that requests 200 thousandths of a processor.
func ready(name string) hpa.Pod {
	return hpa.Pod{
		Name: name, Phase: hpa.Running, Started: noon.Add(-time.Hour), Ready: hpa.ReadyTrue, ReadySince: noon.Add(-time.Hour),
		Containers: []hpa.Container{{Name: "app", Requests: map[string]hpa.Milli{"cpu": 200}}},
	}
}

// readyPods are n of them: pod-0, pod-1, ...
func readyPods(n int) []hpa.Pod {
	var list []hpa.Pod
	for i := range n {
		list = append(list, ready(fmt.Sprintf("pod-%d", i)))
	}
	return list
}

// measured is a reading of the pods in turn; below 0 is none.
func measured(pods []hpa.Pod, values ...hpa.Milli) hpa.Metric {
	var m hpa.Metric
	for i, v := range values {
		if v >= 0 {
			m.Samples = append(m.Samples, hpa.Sample{Pod: pods[i].Name, Value: v, At: noon, Window: 30 * time.Second})
		}
	}
	return m
}

// at is a scene of a target that has what it asks for.
func at(replicas int32, pods []hpa.Pod, metrics ...hpa.Metric) hpa.Scene {
	return hpa.Scene{Scale: hpa.Scale{Spec: replicas, Status: replicas}, Pods: pods, Metrics: metrics}
}

func reconcile(t *testing.T, spec hpa.Spec, past hpa.Status, s hpa.Scene) hpa.Outcome {
	t.Helper()
	c, err := hpa.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return c.Reconcile(noon, past, s)
}
