package hpa

import "time"

// Scene is everything that one sync finds in the cluster beside the autoscaler itself.
type Scene struct {
	Scale Scale
	// Pods are those that the scale target's selector matches, by different names.
	Pods []Pod
	// Metrics are the readings, in the order of [Spec.Metrics]. One that is not there is a reading without items.
	Metrics []Metric
	// Write is what a change of the replicas meets, if one is made.
	Write Write
	// StatusErr is what the write of the autoscaler's status meets, if one is made. The caller hands the next sync the status that was stored,
	// so after a failure the old one.
	StatusErr error
}

// Scale is the scale subresource of the target.
type Scale struct {
	// Spec is what the target asks for (spec.replicas), Status what it has (status.replicas).
	Spec, Status int32
	// Selector says whether pods can be selected by it.
	Selector Selector
	// Err says that the target could not be found or read; the rest is ignored then.
	Err error
}

// Selector is the state of status.selector, in the words of the events that tell it.
type Selector string

// The states.
const (
	SelectorUsable    Selector = ""
	SelectorMissing   Selector = "SelectorRequired"  // There is none.
	SelectorInvalid   Selector = "InvalidSelector"   // It cannot be parsed.
	SelectorAmbiguous Selector = "AmbiguousSelector" // Another autoscaler selects the same pods.
)

// Write is the answer to an update of the scale subresource. Upstream repeats an update that meets a conflict up to four times, 10 ms apart, and
// remembers a change at the instant of its success.
type Write struct {
	Err error
	// Took is the time from the sync's start to the answer.
	Took time.Duration
}

func (s *Scene) metric(i int) Metric {
	if i >= len(s.Metrics) {
		return Metric{}
	}
	return s.Metrics[i]
}
