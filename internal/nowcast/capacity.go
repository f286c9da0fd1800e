package nowcast

import "math"

// Ceilings are what one pod can settle in a second by each thing that may bound it; 0 where that is not known or does not bound.
type Ceilings struct {
	// Slots is concurrency * acked / handler seconds, CPU is cores * acked / processor seconds, Reached is what was seen while saturated.
	Slots, CPU, Reached float64
	// Remote is what a pod acked by Monitoring's count while work waited, Said is what the configuration says. The first is asked when none of
	// the above is known, the second after it.
	Remote, Said float64
}

// Nearest returns the capacity of one pod and what it comes from; 0 and "" when nothing is known.
func (c Ceilings) Nearest() (mu float64, from string) {
	for _, one := range [...]struct {
		mu   float64
		from string
	}{{c.Slots, "slots"}, {c.CPU, "processor"}, {c.Reached, "reached while saturated"}} {
		if one.mu > 0 && (mu == 0 || one.mu < mu) {
			mu, from = one.mu, one.from
		}
	}
	switch {
	case mu > 0:
		return mu, from
	case c.Remote > 0:
		return c.Remote, "acks by Monitoring while work waited"
	case c.Said > 0:
		return c.Said, "configuration"
	}
	return 0, ""
}

// measure learns from what a ready pod did since the scrape before.
func (s *State) measure(law Law, pod, old *Pod, dt float64) {
	acked := pod.Acked - old.Acked
	if acked > 0 && pod.AckedSeconds > old.AckedSeconds {
		s.slots.add(acked, pod.AckedSeconds-old.AckedSeconds)
	}
	if pod.Slots > 0 {
		s.slotsPerPod = pod.Slots
	}
	if law.IgnoreCPU || pod.CPULimit <= 0 {
		return
	}
	used := pod.CPUSeconds - old.CPUSeconds
	s.cores = pod.CPULimit
	if all := pod.AllAcked - old.AllAcked; all > 0 {
		acked = all
	}
	if acked > 0 && used > idleCPU*pod.CPULimit*dt {
		s.cpu.add(acked, used)
	}
}

// learn moves what was reached while saturated to what is seen, and slowly up again while nothing is.
func (s *State) learn(seen quotient, elapsed float64) {
	if seen.under > 0 {
		s.sated.fade(math.Exp(-max(0, min(elapsed, memory)) / memory))
		s.sated.add(seen.over, seen.under)
		if mu := s.sated.value(); mu > 0 && s.sated.under >= saturation {
			s.reached, s.reachedMax = mu, driftMost*mu
		}
		return
	}
	if s.reached > 0 && elapsed > 0 {
		s.reached = min(s.reachedMax, s.reached*(1+drift*min(elapsed, memory)/60))
	}
}

// ceilings are those that are known now.
func (s *State) ceilings(law Law) Ceilings {
	c := Ceilings{Slots: finite(s.slotsPerPod * s.slots.value()), Reached: finite(s.reached), Remote: finite(s.remote), Said: law.Capacity}
	if !law.IgnoreCPU {
		c.CPU = finite(s.cores * s.cpu.value())
	}
	return c
}
