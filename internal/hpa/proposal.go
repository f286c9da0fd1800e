package hpa

import (
	"math"
	"time"
)

// Proposal is what one metric asks for.
type Proposal struct {
	// Replicas are meaningless with Err.
	Replicas int32
	Rule     Rule
	// Current is the metric's present value as the autoscaler's status shows it.
	Current MetricStatus
	// Missing, Unready and Ignored are the pods without a sample, those that do not count yet, and those that end; of sources with samples.
	Missing, Unready, Ignored int
	Err                       error
}

// Rule says how a proposal came about.
type Rule string

// The rules.
const (
	RuleFailed       Rule = "Failed"              // The metric was not readable.
	RuleTolerance    Rule = "WithinTolerance"     // Too near the target to act.
	RuleProportional Rule = "Proportional"        // In proportion to the metric.
	RuleCapped       Rule = "Capped"              // More than 32 bits hold.
	RuleFromZero     Rule = "FromZero"            // A Value target without replicas: the ratio itself.
	RuleFilled       Rule = "MissingFilledIn"     // In proportion, with missing and unready pods taken for idle or busy.
	RuleFilledNear   Rule = "MissingWithin"       // With those filled in, too near the target to act.
	RuleTurned       Rule = "MissingTurn"         // With those filled in, the direction would turn: nothing is done.
	RuleCountTurned  Rule = "MissingTurnReplicas" // With those counted, the number of replicas would go the other way: nothing is done.
)

// propose is what the i-th metric asks for.
func (c *Controller) propose(now time.Time, s *Scene, i int) Proposal {
	m, read := &c.metrics[i], s.metric(i)
	var p Proposal
	switch {
	case m.Source != External && m.Source != Object:
		p = c.proposeByPods(now, s, m, read)
	case m.Target.Value != 0:
		p = c.proposeByRatio(s, m, read)
	default:
		p = c.proposePerPod(s, m, read)
	}
	if p.Err != nil {
		return Proposal{Rule: RuleFailed, Err: p.Err}
	}
	p.Current.Source, p.Current.Name, p.Current.Container = m.Source, m.Name, m.Container
	return p
}

// proposePerPod is the law of an AverageValue of something that is not a pod's own (GetExternalPerPodMetricReplicas,
// GetObjectPerPodMetricReplicas). Within tolerance the answer is the replicas that exist (status), not those that were asked for. Neither
// spec.replicas nor the readiness of pods plays a part. With status 0 the ratio is infinite or not a number, which is never within tolerance.
func (c *Controller) proposePerPod(s *Scene, m *MetricSpec, read Metric) Proposal {
	sum := read.total
	if m.Source == Object {
		sum = read.first
	}
	usage, err := sum()
	if err != nil {
		return Proposal{Err: err}
	}
	target, status := float64(m.Target.AverageValue), s.Scale.Status
	p := Proposal{Current: MetricStatus{Kind: KindAverageValue, Value: Milli(math.Ceil(float64(usage) / float64(status)))}}
	if m.Source == External && float64(usage) >= math.MaxInt64 {
		p.Current.Value = math.MaxInt64
	}
	if c.within(float64(usage) / (target * float64(status))) {
		p.Replicas, p.Rule = status, RuleTolerance
		return p
	}
	pods := math.Ceil(float64(usage) / target)
	if m.Source == External && pods > math.MaxInt32 {
		p.Replicas, p.Rule = math.MaxInt32, RuleCapped
		return p
	}
	p.Replicas, p.Rule = int32(pods), RuleProportional
	return p
}

// proposeByRatio is the law of a Value (GetExternalMetricReplicas, GetObjectMetricReplicas): the ratio times the pods that are ready, so it asks
// for too few while pods start; without replicas the ratio itself, with no tolerance.
func (c *Controller) proposeByRatio(s *Scene, m *MetricSpec, read Metric) Proposal {
	sum := read.totalCapped
	if m.Source == Object {
		sum = read.first
	}
	usage, err := sum()
	if err != nil {
		return Proposal{Err: err}
	}
	ratio := float64(usage) / float64(m.Target.Value)
	p := Proposal{Current: MetricStatus{Kind: KindValue, Value: usage}}
	switch {
	case s.Scale.Spec == 0:
		p.Replicas, p.Rule = int32(math.Ceil(ratio)), RuleFromZero
		return p
	case c.within(ratio):
		p.Replicas, p.Rule = s.Scale.Spec, RuleTolerance
		return p
	}
	ready, err := readyPods(s.Pods)
	if err != nil {
		return Proposal{Err: err}
	}
	pods := ratio * float64(ready)
	if pods > math.MaxInt32 {
		p.Replicas, p.Rule = math.MaxInt32, RuleCapped
		return p
	}
	p.Replicas, p.Rule = int32(math.Ceil(pods)), RuleProportional
	return p
}

// within says whether a ratio of usage to target is too near 1 to act (Tolerances.isWithin).
func (c *Controller) within(ratio float64) bool {
	return 1-c.down.tolerance <= ratio && ratio <= 1+c.up.tolerance
}
