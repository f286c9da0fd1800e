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
		w = sim.Worse(w, o)
	}
	return w
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
