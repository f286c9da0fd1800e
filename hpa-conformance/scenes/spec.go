package scenes

import (
	"fmt"
	"time"

	"spillway/internal/hpa"
)

// drawSettings draws the controller's flags and gates; half the time those that it has without any.
func drawSettings(d dice) *hpa.Settings {
	s := hpa.DefaultSettings()
	if d.once(2) {
		s.Tolerance = pick(d, 0, 0.05, 0.1, 0.25)
		s.DownscaleStabilization = pick(d, 0, 30*time.Second, 90*time.Second, 100500*time.Millisecond, 5*time.Minute)
		s.CPUInitialization = pick(d, 0, 30*time.Second, 2*time.Minute)
		s.InitialReadiness = pick(d, 0, 10*time.Second, time.Minute)
		s.IgnoreTolerances = d.once(4)
	}
	s.ScaleToZero = !d.once(3)
	return &s
}

// drawSpec draws an autoscaler.
func drawSpec(d dice, settings *hpa.Settings) hpa.Spec {
	s := hpa.Spec{Settings: settings, MaxReplicas: d.between(1, 30), Metrics: drawMetrics(d)}
	s.MinReplicas = d.between(0, min(s.MaxReplicas, 4))
	if d.once(2) && hasWaker(s.Metrics) {
		s.MinReplicas, s.MinZero = 0, true
	}
	if !d.once(4) {
		s.Behavior = &hpa.Behavior{ScaleUp: drawRules(d), ScaleDown: drawRules(d)}
	}
	return s
}

func hasWaker(metrics []hpa.MetricSpec) bool {
	for _, m := range metrics {
		if m.Source == hpa.External || m.Source == hpa.Object {
			return true
		}
	}
	return false
}

func drawRules(d dice) *hpa.Rules {
	if d.once(5) {
		return nil
	}
	r := new(hpa.Rules)
	if !d.once(4) {
		r.StabilizationWindow = new(time.Duration(pick(d, 0, 0, 15, 30, 45, 60, 120, 300)) * time.Second)
	}
	if !d.once(3) {
		r.Select = pick(d, hpa.MaxChange, hpa.MaxChange, hpa.MinChange, hpa.MinChange, hpa.Disabled)
	}
	for range d.between(0, 3) {
		p := hpa.Policy{Type: hpa.Pods, Value: d.between(1, 6), Period: time.Duration(pick(d, 15, 30, 45, 60, 120, 300)) * time.Second}
		if d.once(2) {
			p.Type, p.Value = hpa.Percent, pick[int32](d, 5, 10, 20, 33, 50, 100, 150, 900)
		}
		r.Policies = append(r.Policies, p)
	}
	if d.once(3) {
		r.Tolerance = new(pick(d, 0, 0.05, 0.1, 0.2, 0.5, 1))
	}
	return r
}

// drawMetrics draws one metric most of the time, up to three otherwise.
func drawMetrics(d dice) []hpa.MetricSpec {
	n := pick(d, 1, 1, 2, 3)
	var metrics []hpa.MetricSpec
	used := map[string]bool{}
	for len(metrics) < n {
		m := drawMetric(d, len(metrics))
		key := string(m.Source) + m.Name + m.Container
		if !used[key] {
			used[key] = true
			metrics = append(metrics, m)
		}
	}
	return metrics
}

func drawMetric(d dice, i int) hpa.MetricSpec {
	m := hpa.MetricSpec{
		Source: pick(d, hpa.External, hpa.External, hpa.Object, hpa.PodsMetric, hpa.Resource, hpa.Resource, hpa.ContainerResource),
		Name:   fmt.Sprintf("m%d", i),
	}
	average := hpa.Target{AverageValue: hpa.Milli(pick(d, 1, 700, 1000, 50_000, 40_000_000))}
	switch m.Source {
	case hpa.External, hpa.Object:
		m.Target = average
		if d.once(3) {
			m.Target = hpa.Target{Value: average.AverageValue}
		}
		return m
	case hpa.PodsMetric:
		m.Target = average
		return m
	case hpa.ContainerResource:
		m.Container = pick(d, "app", "app", "proxy")
	case hpa.Resource:
	}
	m.Name = pick(d, "cpu", "cpu", "memory")
	m.Target = hpa.Target{Utilization: pick[int32](d, 10, 50, 80, 100, 150)}
	if d.once(3) {
		m.Target = hpa.Target{AverageValue: 250}
	}
	return m
}
