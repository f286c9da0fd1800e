package nowcast

import (
	"math"
	"time"

	"spillway/internal/backlog"
)

// Pod is what is known of one worker pod at a tick: what the cluster says, and the series of its newest scrape, whose names
// docs/metrics.md lists. A worker without a series leaves the field zero.
type Pod struct {
	// Name tells the pod from all others that there ever were.
	Name string
	// Ready and Terminating are the cluster's word. Only ready pods are expected to be scraped; what others count is added.
	Ready, Terminating bool
	// Started is when the pod was started; zero where that is not known. The counters of a pod that is younger than the State count in full.
	Started time.Time

	// At is when the newest scrape was taken; zero when there has been none. What follows is from it.
	At time.Time
	// InFlight and Slots are the handlers running and those that may run at once.
	InFlight, Slots float64
	// Delivered counts first deliveries. Left counts messages that left the backlog: acked, dropped, dead-lettered. Acked and Nacked count
	// verdicts of the handler.
	Delivered, Left, Acked, Nacked float64
	// AckedSeconds is how long the handlers of acked messages took, added up.
	AckedSeconds float64
	// Frontier is when the latest first delivery was published, Delivery when anything was last given to the handler; zero before the first,
	// and Delivery also where the worker does not say, which makes rare messages look older than they were.
	Frontier, Delivery time.Time
	// Connected says that the stream is open, Paused that no messages are taken because the target is away.
	Connected, Paused bool
	// CPUSeconds is the processor time of the process, CPULimit the cores that it may use; 0 without a limit.
	CPUSeconds, CPULimit float64
	// AllAcked counts the acks of all flows of the process; 0 when this flow is the only one.
	AllAcked float64
}

// Input is everything that one tick is decided from.
type Input struct {
	Now time.Time
	// Pods are those that exist: starting, ready and terminating ones.
	Pods []Pod
	// Replicas is how many pods the scale target asks for now; negative when that is not known.
	Replicas int
	// Backlog and Before are Monitoring's newest count of unacked messages and the one before it; zero times when there is none.
	Backlog, Before backlog.Sample
	// Acks is how many messages were acked in a second according to Monitoring, at the end of its interval; a zero time when that is not known.
	Acks backlog.Sample
	// Hold says that nothing may go down now, because the autoscaler may have heard nothing for as long as it remembers: who ticks has
	// just started.
	Hold bool
}

// sound reports whether every number of the scrape can be one: a pod that fails is treated as not scraped.
func (p *Pod) sound() bool {
	for _, v := range [...]float64{
		p.InFlight, p.Slots, p.Delivered, p.Left, p.Acked, p.Nacked, p.AckedSeconds, p.CPUSeconds, p.CPULimit, p.AllAcked,
	} {
		if !(v >= 0 && v <= 1e15) {
			return false
		}
	}
	return !p.At.IsZero()
}

// known reports whether a sample can be one, and is not from further ahead than clocks differ.
func known(s backlog.Sample, now time.Time) bool {
	return !s.At.IsZero() && s.Value >= 0 && s.Value <= 1e15 && s.At.Sub(now) <= time.Minute
}

// finite returns v, or 0 where it is no number; what is infinite becomes the largest value that is still counted with.
func finite(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, -1e15), 1e15)
}
