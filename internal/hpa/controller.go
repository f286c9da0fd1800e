package hpa

import (
	"fmt"
	"slices"
	"time"
)

// Controller holds what upstream's HorizontalController remembers of one autoscaler: past proposals and past changes.
// It is not safe for concurrent use.
type Controller struct {
	min, max    int32
	metrics     []MetricSpec
	settings    Settings
	hasBehavior bool
	up, down    rules

	proposals history // What the metrics asked for, before windows and limits.
	added     history // Scale-ups, by the replicas that each added.
	removed   history // Scale-downs, by the replicas that each removed.

	single [1]Metric  // The reading of a Sync.
	asked  []Proposal // The proposals of a Sync, reused by the next.
	labels []string   // What the status calls each metric.
}

// New returns a controller that has seen nothing yet. The error names every fault of spec.
func New(spec Spec) (*Controller, error) {
	c := new(Controller)
	return c, c.Apply(spec)
}

// Apply replaces the spec by what somebody changed it to; what the controller remembers stays. The error names every fault of spec, which then
// changes nothing.
func (c *Controller) Apply(spec Spec) error {
	if err := spec.Validate(); err != nil {
		return fmt.Errorf("validating the autoscaler: %w", err)
	}
	c.min, c.max = spec.minimum(), spec.MaxReplicas
	c.metrics, c.settings = spec.metrics(), spec.settings()
	c.hasBehavior = spec.Behavior != nil
	c.up, c.down = spec.Behavior.up(&c.settings), spec.Behavior.down(&c.settings)
	c.labels = make([]string, len(c.metrics))
	for i := range c.metrics {
		c.labels[i] = c.metrics[i].label()
	}
	return nil
}

// Decision is the outcome of one sync.
type Decision struct {
	// Desired is the number of replicas to have; the current one when nothing is to be done.
	Desired int32
	// Rescale says that the controller writes Desired to the scale subresource.
	Rescale bool
	// Proposed is what the metrics alone ask for, -1 when they were not read.
	Proposed int32
	// Reason names the last rule that had a say.
	Reason Reason
	// Err is why something failed. With a Reason of [ReasonMetricError] and its likes nothing is changed; with another, the metrics that
	// were readable sufficed, or a write failed.
	Err error
}

// Sync decides for the instant now, given the replicas that the scale target asks for (spec.replicas) and has (status.replicas), and
// remembers the change as made: the caller either makes it or throws the controller away. now must not go backwards. It is
// [Controller.Reconcile] for one External metric, with no thought of the status.
//
// The rules, by upstream's function:
//   - recordInitialRecommendation: the first sync records spec as a proposal, so a restarted controller holds for one window.
//   - reconcileAutoscaler: a target at 0 is left alone; one above the maximum or below the minimum goes there at once, without reading the
//     metric, recording a proposal or limiting the rate.
//   - computeReplicasForMetrics: an unreadable metric freezes the target and records nothing, so a window can run empty while it lasts and the
//     first low value after it scale down at once. Of several metrics the largest proposal counts; with one unreadable, only a proposal to stay
//     or to rise.
//   - normalizeDesiredReplicasWithBehaviors, with a Behavior: windows in both directions, then policies, then the bounds.
//   - normalizeDesiredReplicas, without: the highest proposal of the last 5 minutes, at most twice the replicas (or 4), then the bounds. Here a
//     high proposal that the rate had held back still raises the target after the metric has fallen.
//   - storeScaleEvent: a change is remembered for the policies, also one made only to reach the bounds.
func (c *Controller) Sync(now time.Time, spec, status int32, metric Metric) Decision {
	c.single[0] = metric
	scene := Scene{Scale: Scale{Spec: spec, Status: status}, Metrics: c.single[:]}
	v := c.decide(now, &scene, false, c.asked[:0])
	c.asked = v.asked
	if v.Rescale {
		c.remember(now, spec, v.Desired)
	}
	return v.Decision
}

// verdict is a decision and what the status will say of it. An empty reason leaves its condition as it is.
type verdict struct {
	Decision
	cause   Cause
	winner  int        // The metric whose proposal counts, -1 for none.
	asked   []Proposal // One for each metric; nil when they were not read.
	active  Reason     // ScalingActive.
	held    Reason     // AbleToScale, by the windows.
	limited Reason     // ScalingLimited.
	cut     bool       // Whether a limit changed the number.
	frozen  bool       // Whether the metrics gave no number.
}

// decide is reconcileAutoscaler up to the write. woken says that it was the autoscaler who went to 0.
func (c *Controller) decide(now time.Time, s *Scene, woken bool, asked []Proposal) verdict {
	spec := s.Scale.Spec
	if c.proposals == nil {
		c.proposals = history{{at: now, replicas: spec}}
	}
	v := verdict{Decision: Decision{Desired: spec, Proposed: -1}, winner: -1}
	switch {
	case spec == 0 && !c.wakes(woken):
		v.Reason, v.active = ReasonDisabled, ReasonDisabled
		return v
	case spec > c.max:
		v.Desired, v.Rescale, v.Reason, v.cause = c.max, true, ReasonAboveMax, CauseAboveMax
		return v
	case spec != 0 && spec < c.min:
		v.Desired, v.Rescale, v.Reason, v.cause = c.min, true, ReasonBelowMin, CauseBelowMin
		return v
	}
	if v.frozen = !c.ask(now, s, &v, asked); v.frozen {
		return v
	}
	c.normalize(now, spec, &v)
	if spec == 0 && v.Desired < c.min {
		v.Desired, v.Reason = c.min, ReasonBelowMin
		if v.cause == CauseNone {
			v.cause = CauseBelowMin
		}
	}
	v.Rescale = v.Desired != spec
	return v
}

// wakes says whether a target at 0 is looked at: if the autoscaler itself went there, and either may stay there for a metric that can bring it
// back, or the minimum has been raised since (shouldComputeMetricsForZeroReplicas).
func (c *Controller) wakes(woken bool) bool {
	return woken && (c.min != 0 || c.seesWithoutPods())
}

// seesWithoutPods says whether a metric exists without pods (hasObjectOrExternalMetrics).
func (c *Controller) seesWithoutPods() bool {
	return slices.ContainsFunc(c.metrics, func(m MetricSpec) bool { return m.Source == External || m.Source == Object })
}

// normalize turns what the metrics ask for into the replicas to have.
func (c *Controller) normalize(now time.Time, spec int32, v *verdict) {
	want := v.Proposed
	switch {
	case want > spec:
		v.cause = CauseAbove
	case want < spec:
		v.cause = CauseBelow
	}
	v.held, v.limited, v.Reason = ReasonReady, ReasonMetric, ReasonMetric
	if v.asked[v.winner].Rule == RuleTolerance {
		v.Reason = ReasonWithinTolerance
	}
	stable := c.stabilize(now, spec, want)
	if stable != want {
		v.held = c.stabilizedReason(spec, want)
		v.Reason = v.held
	}
	desired, limit := c.limit(now, spec, stable)
	if v.cut = desired != stable; v.cut {
		v.limited, v.Reason = limit, limit
	}
	v.Desired = desired
}

// remember stores a change for the policies (storeScaleEvent).
func (c *Controller) remember(at time.Time, spec, desired int32) {
	switch {
	case !c.hasBehavior:
	case desired > spec:
		c.added = c.added.putSpending(record{at: at, replicas: desired - spec}, at.Add(-c.up.longest))
	default:
		c.removed = c.removed.putSpending(record{at: at, replicas: spec - desired}, at.Add(-c.down.longest))
	}
}
