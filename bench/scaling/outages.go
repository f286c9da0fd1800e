package main

import (
	"context"

	"spillway/internal/sim"
)

// outage is a day on which something cannot be seen.
type outage struct {
	name   string
	trace  sim.Trace
	change func(*sim.Setup)
}

func outages() []outage {
	normal, burst, friday := sim.NormalDay(), sim.BlackFridayBurst(), sim.BlackFriday()
	silent := func(from int) func(*sim.Setup) {
		return func(s *sim.Setup) { s.Silent = sim.Span{From: from, To: from + 600} }
	}
	return []outage{
		{"none", normal, nil},
		{"monitoring_gone_10_min", normal, silent(9 * 3600)},
		{"monitoring_gone_10_min_in_a_burst", burst, silent(burst.Onset - 60)},
		{"scrapes_lost_20_percent", normal, func(s *sim.Setup) { s.Lost = 0.2 }},
		{"scrapes_lost_20_percent_blackfriday", friday, func(s *sim.Setup) { s.Lost = 0.2 }},
		{"one_pod_lies", normal, func(s *sim.Setup) { s.Liar = true }},
		{"one_pod_lies_blackfriday", friday, func(s *sim.Setup) { s.Liar = true }},
	}
}

// measureOutages prints how long there were fewer replicas than ceil(arrivals/capacity): in all, and beyond the autoscaler's tolerance of a tenth.
// The second rows are those with behavior.scaleUp.tolerance 0.02, which Kubernetes takes from 1.35 on.
func (b *bench) measureOutages(ctx context.Context) error {
	p, err := with(sim.OnDesired())
	if err != nil {
		return err
	}
	exact := p
	behavior, up := *p.Spec.Behavior, *p.Spec.Behavior.ScaleUp
	up.Tolerance = new(0.02)
	behavior.ScaleUp = &up
	exact.Spec.Behavior = &behavior
	for _, of := range outages() {
		for _, one := range []struct {
			suffix string
			policy sim.Policy
		}{{"", p}, {"_tolerance_2_percent", exact}} {
			o, err := b.play(ctx, of.trace, one.policy, of.change)
			if err != nil {
				return err
			}
			name := "outage_" + of.name + one.suffix
			b.add(name+"_podhours_over_floor", o.OverFloor(), "ratio")
			b.add(name+"_slo_minutes", o.SLOMinutes, "min")
			b.add(name+"_seconds_below_need", float64(o.ShortSeconds), "s")
			b.add(name+"_seconds_below_need_by_a_tenth", float64(o.ShortByFar), "s")
			b.add(name+"_replica_changes", float64(o.Changes), "changes")
		}
	}
	return nil
}
