package hpa

import (
	"fmt"
	"time"
)

// Controller holds what upstream's HorizontalController remembers of one autoscaler: past proposals and past changes.
// It is not safe for concurrent use.
type Controller struct {
	min, max    int32
	target      Milli
	hasBehavior bool
	up, down    rules

	proposals history // What the metric asked for, before windows and limits.
	added     history // Scale-ups, by the replicas that each added.
	removed   history // Scale-downs, by the replicas that each removed.
}

// New returns a controller that has seen nothing yet. The error names every fault of spec.
func New(spec Spec) (*Controller, error) {
	if err := spec.Validate(); err != nil {
		return nil, fmt.Errorf("validating the autoscaler: %w", err)
	}
	return &Controller{
		min:         max(spec.MinReplicas, 1),
		max:         spec.MaxReplicas,
		target:      spec.AverageValue,
		hasBehavior: spec.Behavior != nil,
		up:          spec.Behavior.up(),
		down:        spec.Behavior.down(),
	}, nil
}

// Decision is the outcome of one sync.
type Decision struct {
	// Desired is the number of replicas to have; the current one when nothing is to be done.
	Desired int32
	// Rescale says that the controller writes Desired to the scale subresource.
	Rescale bool
	// Proposed is what the metric alone asks for, -1 when it was not read.
	Proposed int32
	// Reason names the last rule that had a say.
	Reason Reason
	// Err is why the metric was not readable, with ReasonMetricError only.
	Err error
}

// Sync decides for the instant now, given the replicas that the scale target asks for (spec.replicas) and has (status.replicas), and
// remembers the change as made: the caller either makes it or throws the controller away. now must not go backwards.
//
// The rules, by upstream's function:
//   - recordInitialRecommendation: the first sync records spec as a proposal, so a restarted controller holds for one window.
//   - reconcileAutoscaler: a target at 0 is left alone; one above the maximum or below the minimum goes there at once, without reading the
//     metric, recording a proposal or limiting the rate.
//   - computeReplicasForMetrics: an unreadable metric freezes the target and records nothing, so a window can run empty while it lasts and the
//     first low value after it scale down at once.
//   - normalizeDesiredReplicasWithBehaviors, with a Behavior: windows in both directions, then policies, then the bounds.
//   - normalizeDesiredReplicas, without: the highest proposal of the last 5 minutes, at most twice the replicas (or 4), then the bounds. Here a
//     high proposal that the rate had held back still raises the target after the metric has fallen.
//   - storeScaleEvent: a change is remembered for the policies, also one made only to reach the bounds.
func (c *Controller) Sync(now time.Time, spec, status int32, metric Metric) Decision {
	if c.proposals == nil {
		c.proposals = history{{now, spec}}
	}
	switch {
	case spec == 0:
		return Decision{Proposed: -1, Reason: ReasonDisabled}
	case spec > c.max:
		return c.conclude(now, spec, Decision{Desired: c.max, Proposed: -1, Reason: ReasonAboveMax})
	case spec < c.min:
		return c.conclude(now, spec, Decision{Desired: c.min, Proposed: -1, Reason: ReasonBelowMin})
	}
	usage, err := metric.total()
	if err != nil {
		return Decision{Desired: spec, Proposed: -1, Reason: ReasonMetricError, Err: err}
	}
	return c.conclude(now, spec, c.decide(now, spec, status, usage))
}

// decide turns a metric that was read into replicas.
func (c *Controller) decide(now time.Time, spec, status int32, usage Milli) Decision {
	want, within := c.propose(status, usage)
	d := Decision{Proposed: want, Reason: ReasonMetric}
	if within {
		d.Reason = ReasonWithinTolerance
	}
	stable := c.stabilize(now, spec, want)
	if stable != want {
		d.Reason = stabilizedReason(spec, want)
	}
	var limited Reason
	if d.Desired, limited = c.limit(now, spec, stable); d.Desired != stable {
		d.Reason = limited
	}
	return d
}

// conclude says whether d is a change and remembers it if so.
func (c *Controller) conclude(now time.Time, spec int32, d Decision) Decision {
	d.Rescale = d.Desired != spec
	if !c.hasBehavior || !d.Rescale {
		return d
	}
	if d.Desired > spec {
		c.added = c.added.put(record{now, d.Desired - spec}, now.Add(-c.up.longest))
	} else {
		c.removed = c.removed.put(record{now, spec - d.Desired}, now.Add(-c.down.longest))
	}
	return d
}
