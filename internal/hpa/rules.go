package hpa

import (
	"math"
	"time"
)

// rules are the Rules of one direction with every default filled in.
type rules struct {
	window    time.Duration
	choice    SelectPolicy
	policies  []Policy
	tolerance float64
	longest   time.Duration // The longest period of the policies.
}

func (b *Behavior) up(set *Settings) rules {
	r := rules{
		choice:    MaxChange,
		policies:  []Policy{{Type: Pods, Value: 4, Period: 15 * time.Second}, {Type: Percent, Value: 100, Period: 15 * time.Second}},
		tolerance: set.Tolerance,
	}
	if b != nil {
		r.take(b.ScaleUp, set)
	}
	return r.withLongest()
}

func (b *Behavior) down(set *Settings) rules {
	r := rules{
		window:    set.DownscaleStabilization.Truncate(time.Second),
		choice:    MaxChange,
		policies:  []Policy{{Type: Percent, Value: 100, Period: 15 * time.Second}},
		tolerance: set.Tolerance,
	}
	if b != nil {
		r.take(b.ScaleDown, set)
	}
	return r.withLongest()
}

// take overwrites the defaults with what set says (copyHPAScalingRules in pkg/apis/autoscaling/v2).
func (r *rules) take(set *Rules, flags *Settings) {
	if set == nil {
		return
	}
	if set.StabilizationWindow != nil {
		r.window = *set.StabilizationWindow
	}
	if set.Select != "" {
		r.choice = set.Select
	}
	if set.Policies != nil {
		r.policies = set.Policies
	}
	if set.Tolerance != nil && !flags.IgnoreTolerances {
		r.tolerance = *set.Tolerance
	}
}

func (r rules) withLongest() rules {
	for _, p := range r.policies {
		r.longest = max(r.longest, p.Period)
	}
	return r
}

// raised is the most replicas that p allows when its period began with start, percentages rounded up so that a small number can grow
// (calculateScaleUpLimitWithScalingRules). Sums wrap and conversions overflow as upstream's do; [Controller.limit] bounds what comes of it.
func (p Policy) raised(start int32) int32 {
	if p.Type == Pods {
		return start + p.Value
	}
	return int32(math.Ceil(float64(start) * (1 + float64(p.Value)/100)))
}

// lowered is the fewest replicas that p allows when its period began with start. Percentages are cut off, not rounded, so at least the
// percentage goes: 20 % of 9 removes 2 (calculateScaleDownLimitWithBehaviors).
func (p Policy) lowered(start int32) int32 {
	if p.Type == Pods {
		return start - p.Value
	}
	return int32(float64(start) * (1 - float64(p.Value)/100))
}
