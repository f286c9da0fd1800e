package tune

import (
	"math"
	"slices"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
	"spillway/internal/recording"
	"spillway/internal/sim"
)

// incident is a recording put together again: when its messages were published, and what was done about them.
//
// What a pod delivered between two scrapes was published between the frontiers of the two, so that is where it is put, however late it was
// delivered. What was waiting when the recording began counts as published then; what still waits at its end, as published evenly since the last
// frontier.
type incident struct {
	slo   float64
	law   nowcast.Law
	state nowcast.State

	began, last time.Time
	arrived     []float64
	rated       []float64 // What the law took for the arrivals, for recordings without pods.
	pods        map[string]*seenPod
	frontier    float64 // Of the newest scrape.
	result      nowcast.Result
	starts      []float64
	capacities  []float64
	ticks       int
	same        int // Ticks at which the law says what it said then.
	delivered   float64

	replicas, first int
	podSeconds      float64
	lateSeconds     float64
	sign            int
	turned          time.Time
	ages            []weighted
	outcome         sim.Outcome
}

// seenPod is a pod at its newest scrape.
type seenPod struct {
	scrape   nowcast.Pod
	frontier float64
	ready    bool
}

// weighted is an age in seconds, and how many messages had it.
type weighted struct{ age, messages float64 }

// gap is the longest time between two ticks that counts as one; longer, nobody was recording.
const gap = 2 * time.Minute

// take adds a tick. It reports false for one beyond 31 days.
func (x *incident) take(t *recording.Tick) bool {
	in := &t.Input
	if x.ticks == 0 {
		x.began, x.last, x.law, x.pods = in.Now, in.Now, t.Law, map[string]*seenPod{}
		x.replicas, x.first = in.Replicas, in.Replicas
		x.grow(0)
	}
	now := in.Now.Sub(x.began).Seconds()
	if now > 31*sim.Day {
		return false
	}
	dt := in.Now.Sub(x.last)
	if dt < 0 || dt > gap {
		dt = 0
	}
	x.last = in.Now
	x.ticks++
	x.result = x.state.Tick(t.Law, *in)
	if r := x.result.Desired; (r.State == backlog.Absent) == (t.Desired.State == backlog.Absent) && math.Abs(r.Value-t.Desired.Value) < 0.015 {
		x.same++
	}
	if c := x.result.Capacity; c.State != backlog.Absent {
		x.capacities = append(x.capacities, c.Value)
	}
	x.grow(now)
	if x.ticks == 1 {
		x.arrived[0] += x.result.Explanation.Waiting
	}
	for i := int(now - dt.Seconds()); i < int(now); i++ {
		x.rated[max(0, i)] = x.result.ArrivalRate.Value
	}
	for i := range in.Pods {
		x.pod(&in.Pods[i], now)
	}
	x.follow(in, dt.Seconds(), now)
	return true
}

func (x *incident) grow(now float64) {
	for float64(len(x.arrived)) <= now {
		x.arrived, x.rated = append(x.arrived, 0), append(x.rated, 0)
	}
}

// pod puts what a pod delivered where it was published.
func (x *incident) pod(p *nowcast.Pod, now float64) {
	old := x.pods[p.Name]
	isNew := old == nil
	if isNew {
		old = &seenPod{frontier: x.frontier}
		if x.pods[p.Name] = old; p.Started.IsZero() || !p.Started.After(x.began) {
			old.scrape, old.ready = *p, true // What it did before is not of this recording.
			old.frontier = max(0, x.second(p.Frontier, 0))
			return
		}
	}
	if p.Ready && p.Connected && !old.ready {
		old.ready = true
		if !p.Started.IsZero() {
			x.starts = append(x.starts, max(0, x.began.Add(time.Duration(now*float64(time.Second))).Sub(p.Started).Seconds()))
		}
	}
	if !p.At.After(old.scrape.At) {
		return
	}
	n := p.Delivered - old.scrape.Delivered
	if n < 0 {
		n = p.Delivered // It began again at 0.
	}
	frontier := min(now, x.second(p.Frontier, now))
	old.scrape = *p
	if n <= 0 || n > 1e12 {
		return
	}
	x.spread(old.frontier, frontier, n)
	x.delivered += n
	old.frontier = max(0, frontier)
	x.frontier = max(x.frontier, old.frontier)
	ref := p.At
	if !p.Delivery.IsZero() && p.Delivery.Before(ref) {
		ref = p.Delivery
	}
	x.ages = append(x.ages, weighted{max(0, ref.Sub(p.Frontier).Seconds()), n})
}

// second is an instant in seconds of the recording.
func (x *incident) second(t time.Time, unknown float64) float64 {
	if t.IsZero() {
		return unknown
	}
	return t.Sub(x.began).Seconds()
}

// spread puts n messages evenly into the seconds from a to b, or into that of b when it is not later.
func (x *incident) spread(a, b, n float64) {
	a, b = max(0, a), min(max(0, b), float64(len(x.arrived))-1e-6)
	if b <= a {
		x.arrived[int(b)] += n
		return
	}
	for i := int(a); i <= int(b); i++ {
		part := min(b, float64(i+1)) - max(a, float64(i))
		x.arrived[i] += n * part / (b - a)
	}
}

// follow adds up what was done: replicas, changes, lateness.
func (x *incident) follow(in *nowcast.Input, dt, now float64) {
	replicas := in.Replicas
	if replicas < 0 {
		replicas = len(in.Pods)
	}
	if x.ticks > 1 && replicas != x.replicas {
		sign := 1
		if replicas < x.replicas {
			sign = -1
		}
		x.outcome.Changes++
		if x.sign == -sign && in.Now.Sub(x.turned) < 15*time.Minute {
			x.outcome.Reversals++
		}
		x.sign, x.turned = sign, in.Now
	}
	x.replicas = replicas
	x.podSeconds += float64(replicas) * dt
	age := x.result.Explanation.Age
	if age > x.slo {
		x.lateSeconds += dt
	}
	x.outcome.MaxAge, x.outcome.MaxBacklog = max(x.outcome.MaxAge, age), max(x.outcome.MaxBacklog, x.result.Backlog.Value)
	x.outcome.Timeline = append(x.outcome.Timeline, sim.Point{
		Second: int(now), Backlog: x.result.Backlog.Value, Oldest: age, Replicas: replicas, Ready: x.result.Explanation.Expected,
	})
}

// close returns the arrivals and what was done about them.
func (x *incident) close(name string) (sim.Trace, sim.Outcome) {
	if x.delivered == 0 { // Nothing but Monitoring was there.
		x.arrived = x.rated
	} else if waiting := x.result.Explanation.Waiting; waiting > 0 {
		x.spread(x.frontier, float64(len(x.arrived)), waiting)
	}
	o := x.outcome
	o.PodHours, o.SLOMinutes, o.RightSize = x.podSeconds/3600, x.lateSeconds/60, -1
	o.P50, o.P99 = quantile(x.ages, 0.5), quantile(x.ages, 0.99)
	for i := range o.Timeline {
		o.Timeline[i].Arrived = x.arrived[min(o.Timeline[i].Second, len(x.arrived)-1)]
	}
	return sim.Trace{Name: name, Arrived: x.arrived}.WithOnset(), o
}

// quantile is that of weighted ages; 0 where there are none.
func quantile(ages []weighted, q float64) float64 {
	slices.SortFunc(ages, func(a, b weighted) int {
		if a.age < b.age {
			return -1
		}
		return 1
	})
	total := 0.0
	for _, a := range ages {
		total += a.messages
	}
	sum := 0.0
	for _, a := range ages {
		if sum += a.messages; sum >= q*total {
			return a.age
		}
	}
	return 0
}

// median is that of the values, 0 where there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
