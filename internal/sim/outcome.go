package sim

import (
	"math"
	"slices"

	"spillway/internal/hpa"
)

// Outcome is what a run came to.
type Outcome struct {
	// PodHours are paid for, Floor is the sum of max(min, ceil(arrivals/capacity)) within the maximum: nobody without a queue can pay less.
	PodHours, Floor float64
	// P50, P99 and MaxAge are the ages at which messages were given to a handler, in seconds.
	P50, P99, MaxAge float64
	// SLOMinutes is how long the oldest message that waited was older than the SLO.
	SLOMinutes float64
	// MaxBacklog is in messages.
	MaxBacklog float64
	// Changes counts changes of the replicas, Reversals those that undo the one before within 15 minutes.
	Changes, Reversals int
	// RightSize is the seconds from the trace's onset until enough pods were ready for its peak, or as many as there may be; -1 for never.
	RightSize int
	// ShortSeconds is for how many seconds there were fewer replicas than ceil(arrivals/capacity), within the bounds.
	ShortSeconds int
	// ShortByFar is the same beyond the autoscaler's tolerance, which swallows a tenth.
	ShortByFar int
	// Error and SampleError are the 95th percentile of how far the estimate and Monitoring's newest visible sample were from the truth. LoudError
	// and LoudSampleError are the same of the instants at which one of the three was above 2,000 messages; 0 where none ever was.
	Error, SampleError         float64
	LoudError, LoudSampleError float64
	Timeline                   []Point
}

// Point is one instant of a timeline.
type Point struct {
	Second                     int
	Arrived, Backlog, Estimate float64
	Sample, Oldest             float64
	Replicas, Ready            int
}

// OverFloor is pod-hours over the floor.
func (o Outcome) OverFloor() float64 { return o.PodHours / math.Max(1e-9, o.Floor) }

// ErrorRatio is the estimate's error over the sample's.
func (o Outcome) ErrorRatio() float64 { return o.Error / math.Max(1, o.SampleError) }

// LoudErrorRatio is the same of the loud instants.
func (o Outcome) LoudErrorRatio() float64 { return o.LoudError / math.Max(1, o.LoudSampleError) }

// Worse takes the worse of every figure of two runs; the timeline is that of the first.
func Worse(a, b Outcome) Outcome {
	if b.OverFloor() > a.OverFloor() {
		a.PodHours, a.Floor = b.PodHours, b.Floor
	}
	a.SLOMinutes, a.MaxBacklog = max(a.SLOMinutes, b.SLOMinutes), max(a.MaxBacklog, b.MaxBacklog)
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

// loud is the backlog in messages above which errors matter.
const loud = 2000

// recorder gathers an outcome.
type recorder struct {
	Outcome
	ages             histogram
	podSeconds       float64
	floorSeconds     float64
	late             int
	need             int
	lastAt, lastSign int

	guesses, samples         []float64
	loudGuesses, loudSamples []float64
}

func (r *recorder) reserve(s *Setup) {
	r.RightSize, r.lastAt = -1, -Day
	r.need = s.needed(s.Trace.Peak)
}

// needed is how many pods a rate needs, within the bounds.
func (s *Setup) needed(rate float64) int {
	need := math.Ceil(rate/s.PodRate - 1e-9)
	return int(math.Min(math.Max(need, math.Max(1, float64(s.Policy.Spec.MinReplicas))), float64(s.Policy.Spec.MaxReplicas)))
}

func (r *recorder) second(w *world) {
	rate := w.Trace.Arrived[w.now]
	need := w.needed(rate)
	r.podSeconds += float64(len(w.pods))
	r.floorSeconds += float64(need)
	if int(w.replicas) < need {
		r.ShortSeconds++
	}
	if float64(w.replicas)*(1+hpa.DefaultTolerance) < min(rate/w.PodRate, float64(w.Policy.Spec.MaxReplicas)) {
		r.ShortByFar++
	}
	if oldest := w.queue.oldest(w.now); float64(oldest) > w.SLO {
		r.late++
	}
	r.MaxBacklog = max(r.MaxBacklog, w.backlog())
	if t := w.Trace.Onset; t > 0 && w.now >= t && r.RightSize < 0 && w.ready >= r.need {
		r.RightSize = w.now - t
	}
	if w.Keep > 0 && w.now%w.Keep == 0 {
		r.Timeline = append(r.Timeline, Point{
			Second: w.now, Arrived: rate, Backlog: w.backlog(), Estimate: w.level.Value, Sample: w.monitor.newest.backlog,
			Oldest: float64(w.queue.oldest(w.now)), Replicas: int(w.replicas), Ready: w.ready,
		})
	}
}

func (r *recorder) change(t, by int) {
	sign := 1
	if by < 0 {
		sign = -1
	}
	r.Changes++
	if r.lastSign == -sign && t-r.lastAt < 900 {
		r.Reversals++
	}
	r.lastAt, r.lastSign = t, sign
}

// guess notes how far off the estimate and the newest sample are.
func (r *recorder) guess(estimate, sample, truth float64) {
	e, s := math.Abs(estimate-truth), math.Abs(sample-truth)
	r.guesses, r.samples = append(r.guesses, e), append(r.samples, s)
	if max(estimate, sample, truth) > loud {
		r.loudGuesses, r.loudSamples = append(r.loudGuesses, e), append(r.loudSamples, s)
	}
}

func (r *recorder) close(s *Setup) Outcome {
	o := r.Outcome
	o.PodHours, o.Floor = r.podSeconds/3600, r.floorSeconds/3600
	o.P50, o.P99, o.MaxAge = r.ages.quantile(0.5), r.ages.quantile(0.99), float64(r.ages.most)
	o.SLOMinutes = float64(r.late) / 60
	if s.Trace.Onset == 0 {
		o.RightSize = -1
	}
	o.Error, o.SampleError = quantile95(r.guesses), quantile95(r.samples)
	o.LoudError, o.LoudSampleError = quantile95(r.loudGuesses), quantile95(r.loudSamples)
	return o
}

func quantile95(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)*95/100]
}
