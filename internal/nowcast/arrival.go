package nowcast

import "time"

// The ways in which the arrival rate becomes known.
const (
	ByDeliveries = "first deliveries while caught up"
	ByFrontier   = "first deliveries over the frontier's way"
	ByMonitoring = "Monitoring's counts"
	ByMemory     = "what is delivered and was known before, because the frontier stands still"
)

// arrivals returns the arrival rate and the way it was found; "" when there is none.
func (s *State) arrivals(law Law, in *Input, f fleet, caught bool) (lambda float64, by string) {
	if f.covered() {
		if lambda, ok := s.byDeliveries(caught); ok {
			s.calm = lambda
			return bounded(law, lambda), ByDeliveries
		}
		if lambda, ok := s.byFrontier(); ok {
			return bounded(law, lambda), ByFrontier
		}
		lambda, by = s.byStanding(in)
		return bounded(law, lambda), by
	}
	if lambda, ok := s.byMonitoring(in); ok {
		return bounded(law, lambda), ByMonitoring
	}
	return 0, ""
}

func bounded(law Law, lambda float64) float64 {
	lambda = max(0, finite(lambda))
	if law.MaxRate > 0 {
		lambda = min(lambda, law.MaxRate)
	}
	return lambda
}

// byDeliveries is dN/dt over the last minute, or since it was caught up if that is less.
func (s *State) byDeliveries(caught bool) (float64, bool) {
	if !caught || len(s.history) < 2 {
		return 0, false
	}
	last := s.history[len(s.history)-1]
	from := max(s.since(s.caughtSince), last.at-lookBack)
	for i := len(s.history) - 2; i >= 0 && s.history[i].at >= from; i-- {
		if first := s.history[i]; last.at-first.at >= lookBack-1 || i == 0 || s.history[i-1].at < from {
			return (last.counts.delivered - first.counts.delivered) / (last.at - first.at), last.at-first.at >= settled
		}
	}
	return 0, false
}

// byFrontier is dN/dp: everything published before the frontier has been delivered, so that what was delivered while it moved was published in
// the time that it passed. A minute of it counts, more where p has not moved far enough in one, unless the last few seconds of p clearly differ:
// then the rate has changed. A step is believed before p has moved far enough for that, at the least rate that it can be.
func (s *State) byFrontier() (float64, bool) {
	if len(s.history) < 2 {
		return 0, false
	}
	last := s.history[len(s.history)-1]
	enough := nearNow + s.age/10 // The frontier is known to a share of the age.
	var short, long, least, furthest float64
	for i := len(s.history) - 2; i >= 0 && (s.history[i].at >= last.at-lookBack-1 || furthest == 0 && !s.stood(i)); i-- {
		first := s.history[i]
		way, took := last.frontier-first.frontier, last.at-first.at
		delivered := last.counts.delivered - first.counts.delivered
		if took >= settled && took <= onset {
			least = max(least, delivered/(max(0, way)+0.2+s.age/50))
		}
		if took >= standing && took < standing+settled && way < nearNow/2 && s.age >= standing {
			return 0, false
		}
		if way < enough {
			continue
		}
		furthest = max(furthest, way)
		if long = delivered / way; short == 0 && took >= settled {
			short = long
		}
	}
	if furthest >= lookBack*3/4 {
		s.calm = long
	}
	if short > changed*long || (short > 0 && short*changed < long) {
		long = short
	}
	if s.age < stepAge || s.age >= 2*onset {
		s.step = 0
	} else if s.step = max(s.step, least); s.step > changed*long {
		return s.step, true
	}
	return long, long > 0
}

// stood tells whether the frontier stood still after a point: then what was delivered there was published together, which is no rate.
func (s *State) stood(i int) bool {
	for _, p := range s.history[i+1:] {
		if p.at >= s.history[i].at+standing {
			return p.frontier-s.history[i].frontier < nearNow/2
		}
	}
	return false
}

// byStanding is the rate while the frontier stands still, as it does in messages published together. How many there are is not known, only that
// they are not all delivered, so the backlog does not fall: as many arrive as are delivered, at least as many as before. Monitoring knows better
// where it says less; in the minute of the bulk it says more, and that is no rate.
func (s *State) byStanding(in *Input) (float64, string) {
	lambda := s.calm
	if n := len(s.history); n > 1 {
		last := s.history[n-1]
		for i := n - 2; i >= 0; i-- {
			if took := last.at - s.history[i].at; took >= lookBack-1 || i == 0 {
				lambda = max(lambda, ratio(last.counts.delivered-s.history[i].counts.delivered, took))
				break
			}
		}
	}
	if remote, ok := s.byMonitoring(in); ok && (remote <= lambda || lambda == 0) {
		return remote, ByMonitoring
	}
	if lambda == 0 {
		return 0, ""
	}
	return lambda, ByMemory
}

// byMonitoring is what the newest two samples and the messages that left between them come to; without counters Monitoring's own acks stand in.
func (s *State) byMonitoring(in *Input) (float64, bool) {
	between := in.Backlog.At.Sub(in.Before.At).Seconds()
	if !known(in.Backlog, in.Now) || !known(in.Before, in.Now) || between < 1 || in.Now.Sub(in.Backlog.At) > historyKept*time.Second {
		return 0, false
	}
	grown := (in.Backlog.Value - in.Before.Value) / between
	from, to := s.since(in.Before.At), s.since(in.Backlog.At)
	if s.reaches(from) {
		a, _ := s.leftAt(from)
		b, _ := s.leftAt(to)
		return grown + max(0, b-a)/between, true
	}
	if known(in.Acks, in.Now) {
		return grown + in.Acks.Value, true
	}
	if in.Replicas == 0 && len(in.Pods) == 0 {
		return grown, true
	}
	return 0, false
}
