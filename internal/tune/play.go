package tune

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"spillway/internal/sim"
)

// Played is what one policy comes to.
type Played struct {
	// Name is for people. Target is that of a policy on raw backlog, 0 for others.
	Name   string
	Target float64
	// Present says that it is the autoscaler that there is.
	Present bool
	Policy  sim.Policy
	Outcome sim.Outcome
}

// flow is what all policies are played with.
type flow struct {
	laws    Laws
	trace   sim.Trace
	fullCPU float64
	scrape  int // seconds between scrapes of the workers
	seeds   int
	keep    int
	// replicas are the pods at the start; 0 for as many as are needed.
	replicas int32
}

// timelinePoints is about how many points a plot is made of; a burst of five minutes in a day is 70 of them.
const timelinePoints = 20_000

// setup is one run of a policy.
func (f *flow) setup(p sim.Policy, seed int) sim.Setup {
	s := sim.DefaultSetup(f.trace, p, uint64(seed)) //nolint:gosec // small and not negative
	s.PodRate, s.PodStart, s.Delay, s.SLO = f.laws.Capacity, int(math.Ceil(f.laws.StartUp)), int(f.laws.Delay), f.laws.SLO
	s.Handler = max(s.Handler, 1/s.PodRate) // A pod has one slot at least.
	s.FullCPU, s.Scrape, s.Replicas = f.fullCPU, f.scrape, f.replicas
	return s
}

// worst plays a policy with every seed. The timeline is the first one's.
func (f *flow) worst(p sim.Policy) (sim.Outcome, error) {
	var out sim.Outcome
	for seed := range f.seeds {
		s := f.setup(p, seed)
		if seed == 0 {
			s.Keep = f.keep
		}
		o, err := sim.Run(s)
		if err != nil {
			return sim.Outcome{}, fmt.Errorf("playing %s: %w", p.Name, err)
		}
		if seed == 0 {
			out = o
		}
		out = sim.Worse(out, o)
	}
	return out, nil
}

// all plays the policies on all processors, and tells done after each.
func (f *flow) all(ctx context.Context, list []Played, done func(name string)) error {
	errs := make([]error, len(list))
	next := make(chan int)
	var workers sync.WaitGroup
	var mu sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				list[i].Outcome, errs[i] = f.worst(list[i].Policy)
				mu.Lock()
				done(list[i].Name)
				mu.Unlock()
			}
		})
	}
	for i := range list {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(errs...)
}

// targets are the raw backlog's targets that are tried: stable ones, in steps of a fifth, to where the wait alone is four times the SLO or they do
// not overshoot, whichever is further.
func (l Laws) targets() []float64 {
	var out []float64
	end := max(4*l.LargestInTime(), l.LeastMonotone())
	for target := l.LeastStable() * 1.02; target <= end*1.2 && len(out) < 40; target *= 1.2 {
		out = append(out, rounded(target))
	}
	return out
}

// rounded is a target as a person would write it: two digits, rounded up so that it stays stable.
func rounded(target float64) float64 {
	unit := math.Max(1, math.Pow(10, math.Floor(math.Log10(target))-1))
	return math.Ceil(target/unit-1e-9) * unit
}

// better reports whether a keeps the SLO better than b or, where that is the same to a minute, costs less.
func better(a, b sim.Outcome) bool {
	if math.Abs(a.SLOMinutes-b.SLOMinutes) > 1 {
		return a.SLOMinutes < b.SLOMinutes
	}
	return a.PodHours < b.PodHours
}

// best returns the best of what was played; there must be one.
func best(list []Played) Played {
	out := list[0]
	for _, p := range list[1:] {
		if better(p.Outcome, out.Outcome) {
			out = p
		}
	}
	return out
}
