package trace

import (
	"time"

	"spillway/internal/hpa"
)

// Trace is the life of one autoscaler.
type Trace struct {
	// Seed is what the scenes were drawn from.
	Seed uint64
	// Period is the time between two syncs.
	Period time.Duration
	// Spec is what the autoscaler says at first, and Status what an earlier controller left in it; of its conditions no messages.
	Spec   hpa.Spec
	Status hpa.Status
	Steps  []Step
}

// Step is one sync.
type Step struct {
	At time.Time
	// Spec is what somebody changed the autoscaler to before this sync; nil if nobody did.
	Spec  *hpa.Spec `json:",omitempty"`
	Scene hpa.Scene
	// Conflicts are the updates of the scale subresource that meet a conflict before one is taken. How long they take is in Scene.Write.
	Conflicts int `json:",omitempty"`
	// Did is what the real controller made of it.
	Did Answer `json:",omitzero"`
}

// Answer is what can be seen of a sync from outside.
type Answer struct {
	// Desired is what was written to the scale subresource, or tried to be; the replicas that it had if nothing was.
	Desired int32
	// Rescale says that it was.
	Rescale bool
	// Wrote says that the status was written, or tried to be. Status is that status; its messages are left out.
	Wrote  bool
	Status hpa.Status
	Events []Event `json:",omitempty"`
}

// Event is a recorded event: as far as it is facts and not prose.
type Event struct {
	Warning bool
	Reason  hpa.Reason
	// Size and Cause are of changes, Metric the one that is above its target.
	Size   int32     `json:",omitempty"`
	Cause  hpa.Cause `json:",omitempty"`
	Metric string    `json:",omitempty"`
}

// FaultError is an error in a scene that can be written down.
type FaultError string

// Faults of the scale target that are not those of a call.
const (
	ErrVersion FaultError = "an API version of three parts"
	ErrKind    FaultError = "a kind that nobody serves"
)

// Error is the text itself.
func (f FaultError) Error() string { return string(f) }
