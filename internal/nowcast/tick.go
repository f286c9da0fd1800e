package nowcast

import (
	"math"
	"time"

	"spillway/internal/backlog"
)

// The things from which a backlog is carried to now.
const (
	FromCaughtUp   = "caught up"
	FromMonitoring = "Monitoring's sample"
	FromClear      = "the last instant caught up"
	FromFrontier   = "arrivals since the frontier"
	FromBoth       = "arrivals since the frontier and what was carried"
	FromSample     = "Monitoring's sample as it is"
)

// Tick takes in what is known at in.Now and says what it means. The times of ticks should not fall; when the clock is set back or jumps, what was
// counted is forgotten and what a pod can do is kept.
func (s *State) Tick(law Law, in Input) Result {
	s.follow(law, &in)
	elapsed := in.Now.Sub(s.last).Seconds()
	if s.last.IsZero() {
		elapsed = 0
	}
	f := s.observe(law, &in)
	x := Explanation{
		Now: in.Now, Law: law, Replicas: in.Replicas, Expected: f.expected, Scraped: f.scraped, Terminating: f.terminating, Scale: f.scale(),
		InFlight: f.inFlight, Full: f.full, Paused: f.paused, Sample: in.Backlog, Before: in.Before, Acks: in.Acks,
	}
	s.note(law, &in, f, &x, elapsed)
	x.Arrivals, x.ArrivalsBy = s.arrivals(law, &in, f, x.CaughtUp)
	s.level(&in, f, &x)
	s.learnRemotely(&in, f)
	x.Ceilings = s.ceilings(law)
	x.Capacity, x.CapacityBy = x.Ceilings.Nearest()
	x.Failing = f.covered() && (2*f.paused > f.scraped || (s.verdicts.over > 3 && s.verdicts.over > s.verdicts.under))
	s.last = in.Now
	return s.conclude(law, &in, f, &x)
}

// follow holds the clock against that of the tick before.
func (s *State) follow(law Law, in *Input) {
	gap := in.Now.Sub(s.last)
	switch {
	case s.began.IsZero():
		s.forget(in.Now)
	case gap < 0 || gap > law.Stale:
		s.forget(in.Now)
		s.last = in.Now
		s.floorUntil = in.Now.Add(law.Window)
	}
}

// note adds this tick to the history, and says whether it is caught up.
func (s *State) note(law Law, in *Input, f fleet, x *Explanation, elapsed float64) {
	now := s.since(in.Now)
	x.CaughtUp = f.covered() && f.blocked == 0 && f.full == 0 && (f.delivering == 0 || f.age < nearNow)
	frontier := now
	switch {
	case f.delivering > 0:
		s.age = f.age
		frontier = now - f.age
	case !x.CaughtUp && len(s.history) > 0:
		frontier = s.history[len(s.history)-1].frontier
		s.age = max(0, now-frontier)
	default:
		s.age = 0
	}
	x.Age = s.age
	if f.covered() || (len(in.Pods) == 0 && in.Replicas == 0) {
		s.remember(point{at: now, counts: s.total(law, f, in.Now, elapsed), frontier: frontier})
	}
	switch {
	case !x.CaughtUp:
		s.caughtSince = time.Time{}
	case s.caughtSince.IsZero():
		s.caughtSince = in.Now
		fallthrough
	default:
		s.clear = anchor{f.inFlight, in.Now}
	}
}

// level says what the backlog is.
func (s *State) level(in *Input, f fleet, x *Explanation) {
	sample := known(in.Backlog, in.Now)
	if x.CaughtUp {
		s.steady = 0
		x.From, x.Anchor, x.Backlog = FromCaughtUp, backlog.Sample{Value: f.inFlight, At: in.Now}, f.inFlight
		return
	}
	switch {
	case !f.covered() && !s.reaches(s.since(in.Backlog.At)):
		if sample {
			x.From, x.Anchor, x.Backlog = FromSample, in.Backlog, in.Backlog.Value
		}
		return
	case sample && !in.Backlog.At.Before(s.clear.at):
		x.From, x.Anchor = FromMonitoring, in.Backlog
	case !s.clear.at.IsZero():
		x.From, x.Anchor = FromClear, backlog.Sample{Value: s.clear.backlog, At: s.clear.at}
	case x.ArrivalsBy != "":
		x.From, x.Anchor = FromFrontier, backlog.Sample{Value: f.inFlight, At: in.Now}
		x.Backlog = f.inFlight + x.Arrivals*x.Age
		return
	default:
		return
	}
	s.carry(in, f, x)
	if (x.ArrivalsBy == ByFrontier || x.ArrivalsBy == ByDeliveries) && f.delivering > 0 && x.Age < shortAge && f.blocked == 0 {
		s.weigh(f, x)
	}
}

// weigh takes the mean of the carried backlog and of arrivals since the frontier, by how far each may be off, as long as clocks and rates can
// explain the difference. What was carried for minutes is off by seconds of arrivals, the frontier of many pods by a tenth of one.
func (s *State) weigh(f fleet, x *Explanation) {
	noise := clockOff/math.Sqrt(float64(f.delivering)) + x.Age/20
	x.Steady = s.steadyAge(x.Age, noise)
	near, carried := f.inFlight+x.Arrivals*x.Steady, x.margin()
	if math.Abs(near-x.Backlog) > carried {
		return
	}
	off := x.Arrivals * noise
	weight := carried * carried / max(1e-9, carried*carried+off*off)
	x.Anchor.Value, x.Near, x.Weight = x.Backlog, near, weight
	x.From, x.Backlog, x.Carried, x.Left = FromBoth, max(f.inFlight, near*weight+x.Backlog*(1-weight)), 0, 0
}

// steadyAge is the age without the noise of single scrapes. One that noise does not explain is taken as it is; what is left of a small one is less
// than what clocks make of none.
func (s *State) steadyAge(age, noise float64) float64 {
	if off := age - s.steady; math.Abs(off) > within*noise {
		s.steady = age
	} else {
		s.steady += steadyGain * off
	}
	dead := deadShare * noise
	return s.steady * s.steady * s.steady / max(1e-9, s.steady*s.steady+dead*dead)
}

// carry takes the anchor to now.
func (s *State) carry(in *Input, f fleet, x *Explanation) {
	now := s.since(in.Now)
	d, ok := s.leftAt(s.since(x.Anchor.At))
	if !ok || x.ArrivalsBy == "" {
		x.From, x.Backlog = FromSample, max(f.inFlight, x.Anchor.Value)
		return
	}
	last, _ := s.leftAt(now)
	x.Carried, x.Left = max(0, in.Now.Sub(x.Anchor.At).Seconds()), max(0, last-d)
	x.Backlog = max(f.inFlight, x.Anchor.Value+x.Arrivals*x.Carried-x.Left)
}

// learnRemotely learns from Monitoring alone what a pod can do: while there is more work than ten seconds of it, every pod is busy.
func (s *State) learnRemotely(in *Input, f fleet) {
	if f.covered() || in.Replicas < 1 || !known(in.Acks, in.Now) || !known(in.Backlog, in.Now) {
		return
	}
	if in.Acks.Value > 0 && min(in.Backlog.Value, in.Before.Value) > 10*in.Acks.Value {
		s.remote = in.Acks.Value / float64(in.Replicas)
	}
}

// conclude turns the arithmetic into readings.
func (s *State) conclude(law Law, in *Input, f fleet, x *Explanation) Result {
	at := x.Anchor.At
	if f.covered() {
		at = in.Now
	}
	input := at
	if known(in.Backlog, in.Now) && in.Backlog.At.After(input) {
		input = in.Backlog.At
	}
	r := Result{}
	if input.IsZero() || x.From == "" || in.Now.Sub(input) > law.Stale {
		x.Absent, s.absent = true, true
		r.Explanation = *x
		return r
	}
	if s.absent {
		s.absent, s.floorUntil = false, in.Now.Add(law.Window)
	}
	state := backlog.Fresh
	if x.From == FromSample && in.Now.Sub(at) > 4*time.Minute {
		state = backlog.Held
	}
	r.Backlog = estimate(x.Backlog, x.margin(), at, in.Now, state)
	if x.ArrivalsBy != "" {
		r.ArrivalRate = estimate(x.Arrivals, 0, at, in.Now, state)
	}
	if x.Capacity > 0 {
		r.Capacity = estimate(x.Capacity, 0, in.Now, in.Now, state)
	}
	r.Desired = s.wanted(law, in, f, x, at, state)
	r.Drain = drain(in, f, x, at, state)
	r.Explanation = *x
	return r
}

// drain is W / (pods*mu - lambda).
func drain(in *Input, f fleet, x *Explanation, at time.Time, state backlog.State) Estimate {
	pods := float64(f.expected)
	if f.expected == 0 && in.Replicas > 0 && len(in.Pods) == 0 {
		pods = float64(in.Replicas)
	}
	if x.Waiting == 0 {
		return estimate(0, 0, at, in.Now, state)
	}
	spare := pods*x.Capacity - x.Arrivals
	if x.ArrivalsBy == "" || !(spare > 1e-6) {
		return Estimate{}
	}
	return estimate(x.Waiting/spare, 0, at, in.Now, state)
}

// margin is how far the carried backlog may be off: a second of arrivals and of what leaves, for clocks and scrapes; a twentieth of what was
// carried, for rates and counts.
func (x *Explanation) margin() float64 {
	if x.From == FromCaughtUp {
		return x.Arrivals * nearNow
	}
	return x.Arrivals + ratio(x.Left, x.Carried) + (x.Arrivals*x.Carried+x.Left)/20
}

// hundredths rounds so that an error of the arithmetic is no pod more; work that there is never becomes none.
func hundredths(v float64) float64 {
	if v <= 0 {
		return 0
	}
	return max(0.01, math.Round(min(v, math.MaxInt32)*100)/100)
}
