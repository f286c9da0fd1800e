package sim

import (
	"errors"
	"fmt"

	"spillway/internal/hpa"
	"spillway/internal/nowcast"
)

// Signal is what the autoscaler scales on.
type Signal int

// The signals.
const (
	// RawBacklog is Monitoring's newest visible sample of unacked messages.
	RawBacklog Signal = iota
	// Processor is the pods' use of it in percent, 15 to 45 s old.
	Processor
	// Desired is nowcast's desired replicas.
	Desired
	// DesiredRemote is the same by Monitoring alone: no worker is scraped.
	DesiredRemote
)

// Policy is an autoscaler and what it looks at.
type Policy struct {
	Name   string
	Signal Signal
	Spec   hpa.Spec
	Law    nowcast.Law
}

// Span is from second From until before second To.
type Span struct{ From, To int }

func (s Span) has(t int) bool { return t >= s.From && t < s.To }

// Setup is everything that a run depends on. Times are seconds, rates per second.
type Setup struct {
	Trace  Trace
	Policy Policy
	Seed   uint64

	// PodRate is what a pod settles; PodStart how long until a new one is ready; Handler how long a message takes.
	PodRate, Handler float64
	PodStart         int
	// Replicas is how many pods there are at the start, ready; 0 for as many as the first arrivals need.
	Replicas int32
	// FullCPU is the share of its processor that a saturated pod uses: 1 is CPU-bound, 0.4 waits for others most of the time.
	FullCPU float64

	// Delay is how long after its instant Monitoring's sample becomes visible; samples are taken every 60 s, SamplePhase after the full minute.
	Delay, SamplePhase int
	// Scrape is the time between scrapes of the workers. Lost is the share of them that fail.
	Scrape int
	Lost   float64
	// Skew is the standard deviation of the pods' clocks and of the instants of scrapes; Bias that of counts and Jitter that of ages, as shares.
	Skew, Bias, Jitter float64
	// Newest is the share of capacity that takes the newest messages first.
	Newest float64
	// Silent is when Monitoring gives no new samples. Liar makes the first pod count ten times what it does and say that it is far behind.
	Silent Span
	Liar   bool

	// SLO is the greatest age that is still in order.
	SLO float64
	// Keep records a timeline, a point every Keep seconds; 0 for none.
	Keep int
	// Watch is called with what the law was given and said at a second, and the backlog that was true then; nil for nobody. The pods are only lent.
	Watch func(second int, in *nowcast.Input, r nowcast.Result, truth float64)
}

// DefaultSetup is what the figures are measured with: pods of 200/s that start in 30 s, samples 180 s late, scrapes every 5 s, all noise on.
// The seed shifts the phases of samples, scrapes and syncs too.
func DefaultSetup(tr Trace, p Policy, seed uint64) Setup {
	return Setup{
		Trace: tr, Policy: p, Seed: seed,
		PodRate: 200, Handler: 0.1, PodStart: 30, FullCPU: 1,
		Delay: 180, SamplePhase: int((seed*13 + 7) % uint64(sampleSeconds)), Scrape: 5, Lost: 0.02, Skew: 1, Bias: 0.005, Jitter: 0.05,
		SLO: 60,
	}
}

// Validate reports everything that is wrong with s, joined.
func (s *Setup) Validate() error {
	var errs []error
	bound := func(name string, v, lo, hi float64) {
		if !(v >= lo && v <= hi) {
			errs = append(errs, fmt.Errorf("%s: %v must be from %v to %v", name, v, lo, hi))
		}
	}
	bound("seconds of the trace", float64(len(s.Trace.Arrived)), 1, maxSeconds)
	bound("pod rate", s.PodRate, 1e-3, 1e9)
	bound("handler seconds", s.Handler, 1e-6, 3600)
	bound("pod start", float64(s.PodStart), 0, 3600)
	bound("replicas at the start", float64(s.Replicas), 0, 1e5)
	bound("processor at saturation", s.FullCPU, 0, 1)
	bound("Monitoring's delay", float64(s.Delay), 0, 3600)
	bound("phase of samples", float64(s.SamplePhase), 0, float64(sampleSeconds-1))
	bound("scrape period", float64(s.Scrape), 1, 300)
	bound("lost scrapes", s.Lost, 0, 1)
	bound("clock skew", s.Skew, 0, 60)
	bound("count bias", s.Bias, 0, 0.5)
	bound("age jitter", s.Jitter, 0, 1)
	bound("newest first", s.Newest, 0, 1)
	bound("slo", s.SLO, 0, Day)
	bound("timeline period", float64(s.Keep), 0, Day)
	if s.Policy.Signal == Desired || s.Policy.Signal == DesiredRemote {
		errs = append(errs, s.Policy.Law.Validate())
	}
	errs = append(errs, s.Policy.Spec.Validate())
	return errors.Join(errs...)
}
