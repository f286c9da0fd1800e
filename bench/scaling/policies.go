package main

import (
	"context"
	"math"

	"spillway/internal/sim"
	"spillway/internal/tune"
)

// perPod is what a pod of the simulation settles in a second.
const perPod = 200

func (b *bench) measureLaw(ctx context.Context) error {
	desired, err := with(sim.OnDesired())
	if err != nil {
		return err
	}
	if err := b.policy(ctx, "", desired); err != nil {
		return err
	}
	for _, tr := range sim.Synthetic() {
		o, err := b.play(ctx, tr, desired, func(s *sim.Setup) { s.Scrape = 15 })
		if err != nil {
			return err
		}
		b.add("nowcast_error_ratio_vs_monitoring_"+tr.Name+"_15s", o.ErrorRatio(), "ratio")
		b.add("nowcast_loud_error_ratio_vs_monitoring_"+tr.Name+"_15s", o.LoudErrorRatio(), "ratio")
		if tr.Name == "blackfriday_burst" {
			b.add("blackfriday_burst_p99_seconds_15s", o.P99, "s")
		}
	}
	return nil
}

func (b *bench) measurePeers(ctx context.Context) error {
	best, err := b.bestTarget(ctx)
	if err != nil {
		return err
	}
	b.add("backlog_best_target", float64(best), "messages")
	tuned := sim.OnBacklog(best)
	tuned.Name = "backlog_best"
	for _, p := range []sim.Policy{sim.OnBacklog(40000), tuned, sim.OnProcessor(50), sim.OnDesiredRemote(perPod)} {
		p, err := with(p)
		if err != nil {
			return err
		}
		if err := b.policy(ctx, p.Name+"_", p); err != nil {
			return err
		}
	}
	return nil
}

// bestTarget is the stable target of a raw backlog with the fewest minutes over the SLO on the normal day and on Black Friday, and among equals the
// cheapest.
func (b *bench) bestTarget(ctx context.Context) (int64, error) {
	best, least, cost := int64(0), math.Inf(1), math.Inf(1)
	setup := sim.DefaultSetup(sim.Trace{}, sim.Policy{}, 0)
	laws := tune.Laws{Capacity: setup.PodRate, Delay: float64(setup.Delay), StartUp: float64(setup.PodStart), SLO: setup.SLO}
	for target := laws.LeastStable() + 100; target <= laws.LeastMonotone(); target *= math.Pow(2, 0.25) {
		p, err := with(sim.OnBacklog(int64(target/100) * 100))
		if err != nil {
			return 0, err
		}
		late, hours := 0.0, 0.0
		for _, tr := range []sim.Trace{sim.NormalDay(), sim.BlackFriday()} {
			o, err := b.play(ctx, tr, p, nil)
			if err != nil {
				return 0, err
			}
			late, hours = late+o.SLOMinutes, hours+o.OverFloor()
		}
		if late < least || (late == least && hours < cost) {
			best, least, cost = int64(target/100)*100, late, hours
		}
	}
	return best, nil
}

// policy prints every figure of a policy over every trace.
func (b *bench) policy(ctx context.Context, prefix string, p sim.Policy) error {
	for _, tr := range sim.Synthetic() {
		o, err := b.play(ctx, tr, p, nil)
		if err != nil {
			return err
		}
		name := prefix + tr.Name
		b.add(name+"_podhours_over_floor", o.OverFloor(), "ratio")
		b.add(name+"_slo_minutes", o.SLOMinutes, "min")
		b.add(name+"_p99_seconds", o.P99, "s")
		b.add(name+"_max_age_seconds", o.MaxAge, "s")
		b.add(name+"_replica_changes", float64(o.Changes), "changes")
		b.add(name+"_reversals", float64(o.Reversals), "changes")
		if tr.Onset > 0 {
			b.add(name+"_seconds_to_right_size", float64(o.RightSize), "s")
		}
		if p.Signal == sim.Desired {
			b.add(prefix+"nowcast_error_ratio_vs_monitoring_"+tr.Name, o.ErrorRatio(), "ratio")
			b.add(prefix+"nowcast_loud_error_ratio_vs_monitoring_"+tr.Name, o.LoudErrorRatio(), "ratio")
		}
	}
	return nil
}
