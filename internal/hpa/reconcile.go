package hpa

import (
	"fmt"
	"slices"
	"time"
)

// Outcome is everything that one sync does.
type Outcome struct {
	Decision
	// Cause is why the replicas are changed, and Metric the one of [Spec.Metrics] whose proposal counts or whose failure freezes, -1 for none.
	Cause  Cause
	Metric int
	// Proposals are what the metrics ask for, in their order; nil when they were not read.
	Proposals []Proposal
	// Status is the autoscaler's status after the sync. Written says that it differs from the one before and was stored.
	Status  Status
	Written bool
	// Events are those that are recorded, in their order.
	Events []Event
}

// Reconcile is one turn of upstream's reconcileAutoscaler, for the instant now, with the stored status of the autoscaler and what the turn
// finds in the cluster. now must not go backwards. Neither past nor scene is changed or kept.
func (c *Controller) Reconcile(now time.Time, past Status, scene Scene) Outcome {
	t := turn{c: c, now: now, scene: &scene, past: &past}
	t.out.Status = past
	t.out.Status.Conditions = slices.Clone(past.Conditions)
	t.run()
	return t.out
}

// turn is a reconcile while it runs.
type turn struct {
	c     *Controller
	now   time.Time
	scene *Scene
	past  *Status
	out   Outcome
}

func (t *turn) run() {
	spec := t.scene.Scale.Spec
	if err := t.scene.Scale.Err; err != nil {
		t.out.Decision = Decision{Desired: spec, Proposed: -1, Reason: ReasonNoScale, Err: err}
		t.out.Metric = -1
		t.warn(ReasonNoScale, err)
		t.set(AbleToScale, false, ReasonNoScale, "reading the scale target: "+err.Error())
		t.store()
		return
	}
	t.set(AbleToScale, true, ReasonGotScale, "the scale target was read")
	v := t.c.decide(t.now, t.scene, t.woken(), nil)
	t.out.Decision, t.out.Cause, t.out.Metric, t.out.Proposals = v.Decision, v.cause, v.winner, v.asked
	t.tell(&v)
	switch {
	case v.frozen:
		t.conclude(spec, t.past.Desired)
		t.store()
		t.warn(ReasonEventFrozen, v.Err)
	case v.Rescale && !t.write(&v):
		t.conclude(spec, t.past.Desired)
		t.store()
	default:
		t.conclude(spec, v.Desired)
		if v.Rescale {
			t.out.Status.LastScale = t.now
		}
		t.store()
	}
}

// woken says whether it was the autoscaler who went to 0, by its own condition.
func (t *turn) woken() bool {
	zero := t.out.Status.Condition(ScaledToZero)
	return t.c.settings.ScaleToZero && zero != nil && zero.Holds
}

// tell puts a verdict into conditions and events.
func (t *turn) tell(v *verdict) {
	if s := t.scene.Scale.Selector; v.active == ReasonSelector || v.active == ReasonAmbiguous {
		t.warn(Reason(s), v.Err)
	}
	for i := range v.asked {
		if err := v.asked[i].Err; err != nil {
			t.warn(failedMetric(t.c.metrics[i].Source), err)
		}
	}
	switch v.active {
	case "":
	case ReasonValidMetric:
		t.set(ScalingActive, true, v.active, "replicas follow from the "+t.c.label(v.winner))
	case ReasonDisabled:
		t.set(ScalingActive, false, v.active, "the scale target is at 0 replicas")
		if !t.c.settings.ScaleToZero {
			t.out.Status.remove(ScaledToZero)
		}
	case ReasonSelector, ReasonAmbiguous:
		t.set(ScalingActive, false, v.active, v.Err.Error())
	default:
		t.set(ScalingActive, false, v.active, t.c.metrics[v.winner].complaint(v.asked[v.winner].Err))
	}
	if v.held != "" {
		t.set(AbleToScale, true, v.held, "")
		t.set(ScalingLimited, v.cut, v.limited, "")
	}
}

// write changes the replicas and says whether that succeeded.
func (t *turn) write(v *verdict) bool {
	w, spec := t.scene.Write, t.scene.Scale.Spec
	t.now = t.now.Add(w.Took)
	message := fmt.Sprintf("from %d to %d replicas: %s", spec, v.Desired, t.why(v))
	if w.Err != nil {
		t.out.Err = w.Err
		t.out.Events = append(t.out.Events, Event{Warning: true, Reason: ReasonEventFailed, Message: message + ": " + w.Err.Error()})
		t.set(AbleToScale, false, ReasonNotUpdated, "writing the scale target: "+w.Err.Error())
		return false
	}
	t.set(AbleToScale, true, ReasonRescaled, fmt.Sprintf("the scale target was set to %d", v.Desired))
	t.out.Events = append(t.out.Events, Event{Reason: ReasonEventRescale, Message: message})
	t.c.remember(t.now, spec, v.Desired)
	t.markZero(spec, v.Desired)
	return true
}

// markZero remembers in the status who went to 0.
func (t *turn) markZero(spec, desired int32) {
	switch {
	case !t.c.settings.ScaleToZero:
		t.out.Status.remove(ScaledToZero)
	case spec > 0 && desired == 0 && t.c.min == 0 && t.c.seesWithoutPods():
		t.set(ScaledToZero, true, ReasonToZero, "the autoscaler went to 0")
	default:
		t.set(ScaledToZero, false, ReasonNotToZero, "the autoscaler did not go to 0")
	}
}

func (t *turn) why(v *verdict) string {
	switch v.cause {
	case CauseAbove:
		return t.c.label(v.winner) + " is above its target"
	case CauseBelow:
		return "every metric is below its target"
	case CauseAboveMax:
		return "there were more than the maximum"
	case CauseBelowMin:
		return "there were fewer than the minimum"
	case CauseNone:
	}
	return "an earlier proposal"
}

// conclude writes the numbers (setStatus).
func (t *turn) conclude(current, desired int32) {
	t.out.Status.Current, t.out.Status.Desired = current, desired
	t.out.Status.Metrics = nil
	for i := range t.out.Proposals {
		t.out.Status.Metrics = append(t.out.Status.Metrics, t.out.Proposals[i].Current)
	}
}

// store writes the status if it changed (updateStatusIfNeeded).
func (t *turn) store() {
	if t.out.Status.equal(t.past) {
		return
	}
	if err := t.scene.StatusErr; err != nil {
		t.warn(ReasonEventNoStatus, err)
		if t.out.Err == nil {
			t.out.Err = err
		}
		return
	}
	t.out.Written = true
}

func (t *turn) set(c ConditionType, holds bool, reason Reason, message string) {
	t.out.Status.set(t.now, c, holds, reason, message)
}

func (t *turn) warn(reason Reason, err error) {
	t.out.Events = append(t.out.Events, Event{Warning: true, Reason: reason, Message: err.Error()})
}

func (c *Controller) label(i int) string { return c.labels[i] }
