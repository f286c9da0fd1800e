package trace

import (
	"fmt"
	"reflect"

	"spillway/internal/hpa"
)

// DifferenceError is the first sync of a trace in which ours does not do what the real controller did.
type DifferenceError struct {
	Step       int
	Ours, Real Answer
	// Cause is why ours could not even be asked.
	Err error
}

func (d *DifferenceError) Error() string {
	if d.Err != nil {
		return fmt.Sprintf("step %d: %v", d.Step, d.Err)
	}
	return fmt.Sprintf("step %d:\n  ours: %+v\n  real: %+v", d.Step, d.Ours, d.Real)
}

// Replay shows ours what the real controller was shown, up to the first difference, and tells each look the outcome of each sync that agreed.
func Replay(t *Trace, look func(step *Step, out *hpa.Outcome)) *DifferenceError {
	ours, err := hpa.New(t.Spec)
	if err != nil {
		return &DifferenceError{Err: err}
	}
	spec := t.Spec
	status := t.Status
	for i := range t.Steps {
		s := &t.Steps[i]
		if s.Spec != nil {
			spec = *s.Spec
			if err := ours.Apply(spec); err != nil {
				return &DifferenceError{Step: i, Err: err}
			}
		}
		out := ours.Reconcile(s.At, status, s.Scene)
		got := answer(&out, &spec)
		if out.Reason == hpa.ReasonAmbiguous { // Upstream's message lists the autoscalers in the order of a map: it writes it again, or not.
			got.Wrote = s.Did.Wrote
		}
		if !reflect.DeepEqual(got, s.Did) {
			return &DifferenceError{Step: i, Ours: got, Real: s.Did}
		}
		if look != nil {
			look(s, &out)
		}
		if out.Written {
			status = out.Status
		}
	}
	return nil
}

// answer is what can be seen of ours from outside.
func answer(out *hpa.Outcome, spec *hpa.Spec) Answer {
	a := Answer{Desired: out.Desired, Rescale: out.Rescale, Wrote: out.Written, Status: Bare(out.Status)}
	for _, e := range out.Events {
		event := Event{Warning: e.Warning, Reason: e.Reason}
		switch e.Reason { //nolint:exhaustive // the other events have no more to them
		case hpa.ReasonEventRescale, hpa.ReasonEventFailed:
			event.Size, event.Cause = out.Desired, out.Cause
			if out.Cause == hpa.CauseAbove {
				event.Metric = metricName(spec, out.Metric)
			}
		case hpa.ReasonEventNoStatus:
			a.Wrote = true
		}
		a.Events = append(a.Events, event)
	}
	return a
}

func metricName(spec *hpa.Spec, i int) string {
	if spec.Metrics == nil {
		return ""
	}
	return spec.Metrics[i].Name
}

// Bare is a status without messages, with times in UTC, and with nothing for an empty list.
func Bare(s hpa.Status) hpa.Status {
	conditions := s.Conditions
	s.Conditions = nil
	for _, c := range conditions {
		c.Message, c.Since = "", c.Since.UTC()
		s.Conditions = append(s.Conditions, c)
	}
	if len(s.Metrics) == 0 {
		s.Metrics = nil
	}
	s.LastScale = s.LastScale.UTC()
	return s
}
