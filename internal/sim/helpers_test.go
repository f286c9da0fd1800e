package sim_test

import (
	"testing"

	"spillway/internal/sim"
)

// worstOf runs a policy with every seed and takes the worst of every figure.
func worstOf(t testing.TB, tr sim.Trace, p sim.Policy, change func(*sim.Setup)) sim.Outcome {
	t.Helper()
	var w sim.Outcome
	for seed := range seeds {
		setup := sim.DefaultSetup(tr, p, uint64(seed))
		if change != nil {
			change(&setup)
		}
		o, err := sim.Run(setup)
		if err != nil {
			t.Fatal(err)
		}
		if seed == 0 {
			w = o
		}
		w = worse(w, o)
	}
	return w
}

// worse takes the worse of every figure.
func worse(a, b sim.Outcome) sim.Outcome {
	if b.OverFloor() > a.OverFloor() {
		a.PodHours, a.Floor = b.PodHours, b.Floor
	}
	a.SLOMinutes = max(a.SLOMinutes, b.SLOMinutes)
	a.P50, a.P99, a.MaxAge = max(a.P50, b.P50), max(a.P99, b.P99), max(a.MaxAge, b.MaxAge)
	a.Changes, a.Reversals = max(a.Changes, b.Changes), max(a.Reversals, b.Reversals)
	if b.RightSize < 0 || (a.RightSize >= 0 && b.RightSize > a.RightSize) {
		a.RightSize = b.RightSize
	}
	a.ShortSeconds, a.ShortByFar = max(a.ShortSeconds, b.ShortSeconds), max(a.ShortByFar, b.ShortByFar)
	if b.ErrorRatio() > a.ErrorRatio() {
		a.Error, a.SampleError = b.Error, b.SampleError
	}
	if b.LoudErrorRatio() > a.LoudErrorRatio() {
		a.LoudError, a.LoudSampleError = b.LoudError, b.LoudSampleError
	}
	return a
}

type outage struct {
	name   string
	trace  sim.Trace
	change func(*sim.Setup)
}

// outages are days on which something cannot be seen.
func outages() []outage {
	return []outage{
		{"none", sim.NormalDay(), nil},
		{"monitoring_gone_10_min", sim.NormalDay(), func(s *sim.Setup) { s.Silent = sim.Span{From: 9 * 3600, To: 9*3600 + 600} }},
		{"monitoring_gone_10_min_in_a_burst", sim.BlackFridayBurst(), func(s *sim.Setup) { s.Silent = sim.Span{From: 10*3600 - 60, To: 10*3600 + 540} }},
		{"scrapes_lost_20_percent", sim.NormalDay(), func(s *sim.Setup) { s.Lost = 0.2 }},
		{"one_pod_lies", sim.NormalDay(), func(s *sim.Setup) { s.Liar = true }},
		{"one_pod_lies_blackfriday", sim.BlackFriday(), func(s *sim.Setup) { s.Liar = true }},
	}
}
