package hpa

import "time"

// The fixed rate of an autoscaler without a Behavior: in one sync at most double, but 4 in any case (calculateScaleUpLimit).
const (
	fixedRateFactor  = 2
	fixedRateMinimum = 4
)

// limit bounds want by the rate and by the minimum and maximum, and names the bound that would have cut it.
func (c *Controller) limit(now time.Time, spec, want int32) (int32, Reason) {
	if !c.hasBehavior {
		return c.limitFixed(spec, want)
	}
	return c.limitByPolicies(now, spec, want)
}

// limitFixed is convertDesiredReplicasWithRules.
func (c *Controller) limitFixed(spec, want int32) (int32, Reason) {
	most, reason := c.max, ReasonTooManyReplicas
	if rate := int32(max(fixedRateFactor*float64(spec), fixedRateMinimum)); most > rate {
		most, reason = rate, ReasonScaleUpLimit
	}
	if want < c.min {
		return c.min, ReasonTooFewReplicas
	}
	return min(want, most), reason
}

// limitByPolicies is convertDesiredReplicasWithBehaviorRate: each direction has its own limit, which never pushes to the other side of spec.
// The minimum counts on the way down only and the maximum on the way up only; spec is between them already.
func (c *Controller) limitByPolicies(now time.Time, spec, want int32) (int32, Reason) {
	switch {
	case want > spec:
		most, reason := c.max, ReasonTooManyReplicas
		if rate := max(c.upLimit(now, spec), spec); most > rate {
			most, reason = rate, ReasonScaleUpLimit
		}
		return min(want, most), reason
	case want < spec:
		fewest, reason := c.min, ReasonTooFewReplicas
		if rate := min(c.downLimit(now, spec), spec); fewest < rate {
			fewest, reason = rate, ReasonScaleDownLimit
		}
		return max(want, fewest), reason
	}
	return want, ReasonMetric
}

// upLimit is the most replicas that the scale-up policies allow (calculateScaleUpLimitWithScalingRules).
func (c *Controller) upLimit(now time.Time, spec int32) int32 {
	if c.up.choice == Disabled {
		return spec
	}
	var limit int32
	for i, p := range c.up.policies {
		switch bound := p.raised(c.periodStart(now, spec, p.Period)); {
		case i == 0:
			limit = bound
		case c.up.choice == MinChange:
			limit = min(limit, bound)
		default:
			limit = max(limit, bound)
		}
	}
	return limit
}

// downLimit is the fewest replicas that the scale-down policies allow (calculateScaleDownLimitWithBehaviors).
func (c *Controller) downLimit(now time.Time, spec int32) int32 {
	if c.down.choice == Disabled {
		return spec
	}
	var limit int32
	for i, p := range c.down.policies {
		switch bound := p.lowered(c.periodStart(now, spec, p.Period)); {
		case i == 0:
			limit = bound
		case c.down.choice == MinChange:
			limit = max(limit, bound)
		default:
			limit = min(limit, bound)
		}
	}
	return limit
}

// periodStart is how many replicas there were one period ago: spec without what was added since and with what was removed. Changes by others
// than this controller are not known to it. A change exactly one period old has left the period.
func (c *Controller) periodStart(now time.Time, spec int32, period time.Duration) int32 {
	cutoff := now.Add(-period)
	return spec - c.added.sumAfter(cutoff) + c.removed.sumAfter(cutoff)
}
