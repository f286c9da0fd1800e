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

func (b *Behavior) up() rules {
	r := rules{
		choice:    MaxChange,
		policies:  []Policy{{Type: Pods, Value: 4, Period: 15 * time.Second}, {Type: Percent, Value: 100, Period: 15 * time.Second}},
		tolerance: DefaultTolerance,
	}
	if b != nil {
		r.take(b.ScaleUp)
	}
	return r.withLongest()
}

func (b *Behavior) down() rules {
	r := rules{
		window:    DefaultDownscaleStabilization,
		choice:    MaxChange,
		policies:  []Policy{{Type: Percent, Value: 100, Period: 15 * time.Second}},
		tolerance: DefaultTolerance,
	}
	if b != nil {
		r.take(b.ScaleDown)
	}
	return r.withLongest()
}

// take overwrites the defaults with what set says (copyHPAScalingRules in pkg/apis/autoscaling/v2).
func (r *rules) take(set *Rules) {
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
	if set.Tolerance != nil {
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
