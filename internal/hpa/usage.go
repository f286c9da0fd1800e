package hpa

import (
	"math"
	"time"
)

// usage is what a metric of pods measures, pod by pod, and which of them count (groupPods).
type usage struct {
	values           map[string]Milli // Of the pods that count, and of samples that belong to no pod.
	requests         map[string]Milli // Nil unless the target is a utilization.
	ready            int
	missing, unready []string
	ignored          int
}

// gauge is the ratio of u to the target, and the value that the status shows. Of a utilization the ratio is that of whole percents
// (GetResourceUtilizationRatio), where samples of unknown pods do not count; of an average it is that of whole thousandths, where they do
// (GetMetricUsageRatio).
func (u *usage) gauge(target Target) (ratio float64, current MetricStatus, err error) {
	var sum, requested, n Milli
	for pod, v := range u.values {
		if u.requests != nil {
			r, known := u.requests[pod]
			if !known {
				continue
			}
			requested += r
		}
		sum += v
		n++
	}
	if u.requests == nil {
		average := sum / n
		return float64(average) / float64(target.AverageValue), MetricStatus{Kind: KindAverageValue, Value: average}, nil
	}
	if requested == 0 {
		return 0, MetricStatus{}, ErrNoRequests
	}
	percent := int32(sum * 100 / requested) //nolint:gosec // it overflows as upstream's does
	return float64(percent) / float64(target.Utilization), MetricStatus{Kind: KindUtilization, Value: sum / n, Utilization: percent}, nil
}

// proposeByPods is the law of what each pod measures of itself (calcPlainMetricReplicas, GetResourceReplicas).
func (c *Controller) proposeByPods(now time.Time, s *Scene, m *MetricSpec, read Metric) Proposal {
	u, err := c.measure(now, s.Pods, m, read)
	if err != nil {
		return Proposal{Err: err}
	}
	ratio, current, err := u.gauge(m.Target)
	if err != nil {
		return Proposal{Err: err}
	}
	p := Proposal{Replicas: s.Scale.Spec, Current: current, Missing: len(u.missing), Unready: len(u.unready), Ignored: u.ignored}
	rising := len(u.unready) > 0 && ratio > 1
	if !rising && len(u.missing) == 0 {
		p.Rule = RuleTolerance
		if !c.within(ratio) {
			p.Replicas, p.Rule = int32(math.Ceil(ratio*float64(u.ready))), RuleProportional
		}
		return p
	}
	u.fillIn(ratio, m.Target)
	filled, _, _ := u.gauge(m.Target) // What was filled in takes no request away.
	replicas := int32(math.Ceil(filled * float64(len(u.values))))
	switch {
	case c.within(filled):
		p.Rule = RuleFilledNear
	case ratio < 1 && filled > 1, ratio > 1 && filled < 1:
		p.Rule = RuleTurned
	case filled < 1 && replicas > s.Scale.Spec, filled > 1 && replicas < s.Scale.Spec:
		p.Rule = RuleCountTurned
	default:
		p.Replicas, p.Rule = replicas, RuleFilled
	}
	return p
}

// fillIn takes pods that do not count for what keeps the change small: on the way down a missing pod is as busy as the target or its whole
// request, on the way up missing and unready ones are idle.
func (u *usage) fillIn(ratio float64, target Target) {
	switch {
	case ratio < 1:
		for _, pod := range u.missing {
			u.values[pod] = target.AverageValue
			if u.requests != nil {
				u.values[pod] = u.requests[pod] * Milli(max(100, target.Utilization)) / 100
			}
		}
	case ratio > 1:
		for _, pod := range u.missing {
			u.values[pod] = 0
		}
		for _, pod := range u.unready {
			u.values[pod] = 0
		}
	}
}

// measure sorts the pods and their samples.
func (c *Controller) measure(now time.Time, pods []Pod, m *MetricSpec, read Metric) (*usage, error) {
	if read.Err != nil {
		return nil, read.Err
	}
	if len(read.Samples) == 0 {
		return nil, ErrNoItems
	}
	if len(pods) == 0 {
		return nil, ErrNoPods
	}
	samples := make(map[string]Sample, len(read.Samples))
	u := &usage{values: make(map[string]Milli, len(read.Samples))}
	for _, s := range read.Samples {
		samples[s.Pod], u.values[s.Pod] = s, s.Value
	}
	for i := range pods {
		u.sort(now, &pods[i], m, samples, &c.settings)
	}
	if len(u.values) == 0 {
		return nil, ErrNoSamples
	}
	if m.Target.Utilization == 0 {
		return u, nil
	}
	u.requests = make(map[string]Milli, len(pods))
	for i := range pods {
		r, err := pods[i].request(m.Name, m.Container)
		if err != nil {
			return nil, err
		}
		u.requests[pods[i].Name] = r
	}
	return u, nil
}

// sort puts one pod where it belongs. A pod that failed or ends is not counted at all, one that is pending or warming up counts as unready.
func (u *usage) sort(now time.Time, p *Pod, m *MetricSpec, samples map[string]Sample, set *Settings) {
	sample, measured := samples[p.Name]
	switch {
	case p.Deleted || p.Phase == Failed:
		u.ignored++
	case p.Phase == Pending:
		u.unready = append(u.unready, p.Name)
	case !measured:
		u.missing = append(u.missing, p.Name)
		return
	case m.Source != PodsMetric && m.Name == "cpu" && p.warming(now, sample, set):
		u.unready = append(u.unready, p.Name)
	default:
		u.ready++
		return
	}
	delete(u.values, p.Name)
}
