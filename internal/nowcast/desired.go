package nowcast

import (
	"math"
	"time"

	"spillway/internal/backlog"
)

// wanted says how many pods are needed: (W/T + h*lambda) / mu and its guards.
func (s *State) wanted(law Law, in *Input, f fleet, x *Explanation, at time.Time, state backlog.State) Estimate {
	x.Waiting = max(0, x.Backlog-f.inFlight)
	x.Load = x.Waiting/law.Drain.Seconds() + law.Headroom*x.Arrivals
	replicas := float64(max(0, in.Replicas))
	switch {
	case in.Replicas < 0 && ((x.Failing && !s.haveWanted) || (x.Capacity <= 0 && (x.Waiting > 0 || x.Arrivals > 0 || x.ArrivalsBy == ""))):
		x.Unmeasured = true // Neither what a pod can do nor how many there are: one would be a guess.
		return Estimate{}
	case x.Failing:
		x.Raw = replicas
		if s.haveWanted {
			x.Raw = s.desired
		}
		state = backlog.Held
	case x.Capacity <= 0:
		x.Unmeasured = true
		if x.Waiting > 0 || x.Arrivals > 0 {
			x.Raw = math.Max(1, replicas)
		}
		if x.ArrivalsBy == "" {
			x.Raw = math.Max(x.Raw, replicas)
		}
	default:
		x.Raw = x.Load / x.Capacity
		if x.ArrivalsBy == "" { // Unknown is not zero.
			if in.Replicas < 0 {
				return Estimate{}
			}
			x.Raw = math.Max(x.Raw, replicas)
			state = backlog.Held
		}
	}
	x.Desired = hundredths(finite(x.Raw))
	if (in.Hold || in.Now.Before(s.floorUntil)) && x.Desired < replicas {
		x.Floored, x.Desired = true, replicas
	}
	if law.Max > 0 {
		x.Desired = min(max(x.Desired, law.Min), law.Max)
	}
	s.desired, s.haveWanted = x.Desired, true
	return estimate(x.Desired, ratio(x.margin()/law.Drain.Seconds(), x.Capacity), at, in.Now, state)
}

// Shared returns the desired pods of flows that share them: of what their slots need the most, because each flow has its own, and of what the
// processor needs the sum. A flow that knows nothing makes the result absent.
func Shared(flows ...Result) Estimate {
	var slots, cpu float64
	out := Estimate{}
	for i, r := range flows {
		if r.Desired.State == backlog.Absent {
			return Estimate{}
		}
		slots = max(slots, r.Desired.Value)
		cpu += ratio(r.Explanation.Load, r.Explanation.Ceilings.CPU)
		if i == 0 || r.Desired.State < out.State {
			out.State = r.Desired.State
		}
		if i == 0 || r.Desired.At.Before(out.At) {
			out.At, out.Age = r.Desired.At, r.Desired.Age
		}
		out.Margin = max(out.Margin, r.Desired.Margin)
	}
	out.Value = max(slots, hundredths(cpu))
	return out
}
