package hpa

import (
	"errors"
	"fmt"
	"time"
)

// errSelector is why the pods of a target cannot be told apart.
var errSelector = errors.New("the scale target's selector cannot be used")

// ask reads every metric and puts the largest proposal into v (computeReplicasForMetrics). It reports whether there is one: if no metric is
// readable, or one is not and the others ask for fewer, the target is frozen. A proposal of 0 gives way to any later one, also below 0.
func (c *Controller) ask(now time.Time, s *Scene, v *verdict, asked []Proposal) bool {
	if s.Scale.Selector != SelectorUsable {
		v.Reason, v.active = ReasonSelector, ReasonSelector
		if s.Scale.Selector == SelectorAmbiguous {
			v.Reason, v.active = ReasonAmbiguous, ReasonAmbiguous
		}
		v.Err = fmt.Errorf("%w: %s", errSelector, s.Scale.Selector)
		return false
	}
	failed, first, largest := 0, 0, int32(0)
	for i := range c.metrics {
		p := c.propose(now, s, i)
		asked = append(asked, p)
		if p.Err != nil {
			if failed == 0 {
				first = i
			}
			failed++
			continue
		}
		if largest == 0 || p.Replicas > largest {
			largest, v.winner = p.Replicas, i
		}
	}
	v.asked = asked
	if failed > 0 {
		v.Err = asked[first].Err
		if len(c.metrics) > 1 {
			v.Err = fmt.Errorf("%d of %d metrics were not readable, the first: %w", failed, len(c.metrics), v.Err)
		}
		if failed == len(c.metrics) || largest < s.Scale.Spec {
			v.winner, v.active = first, failedMetric(c.metrics[first].Source)
			v.Reason = v.active
			return false
		}
	}
	v.Proposed, v.active = max(largest, 0), ReasonValidMetric
	return true
}

// complaint is a failed reading of m as the status tells it. Upstream's message names the metric but where pods were missing for a metric of pods,
// or of an object.
func (m *MetricSpec) complaint(err error) string {
	unnamed := m.Source == PodsMetric || m.Source == Object && m.Target.Value != 0
	if unnamed && (errors.Is(err, ErrNoPods) || errors.Is(err, ErrNoSamples)) {
		return "no number of replicas: " + err.Error()
	}
	if m.Source == External && m.Target.Value != 0 {
		return "no number of replicas from the value of the " + m.label() + ": " + err.Error()
	}
	return "no number of replicas from the " + m.label() + ": " + err.Error()
}

// label is what the status calls m: as much of it as upstream's messages tell.
func (m *MetricSpec) label() string {
	switch {
	case m.Source == PodsMetric:
		return "pods metric " + m.Name
	case m.Source == Object && m.Target.Value != 0:
		return "object metric " + m.Name
	case m.Source == External || m.Source == Object:
		return "external metric " + m.Name
	case m.Target.Utilization == 0:
		return m.Name + " resource"
	case m.Source == ContainerResource:
		return m.Name + " container utilization"
	}
	return m.Name + " utilization"
}
