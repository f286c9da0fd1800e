package conformance

import (
	"slices"
	"testing"

	"spillway/hpa-conformance/trace"
	"spillway/hpa-conformance/upstream"
	"spillway/internal/hpa"
)

// again runs the real controller through the scenes of a trace once more, and puts what it did into the trace.
func again(t *testing.T, c *trace.Trace) *trace.Trace {
	t.Helper()
	steps := c.Steps
	c.Steps = nil
	drive(t, c, func(upstream.World) *trace.Step {
		if len(steps) == 0 {
			return nil
		}
		s := steps[0]
		s.Scene.Write.Took, s.Did = 0, trace.Answer{}
		steps = steps[1:]
		return &s
	})
	return c
}

// shorten leaves out of a trace what it can while wrong still holds: runs of steps, longer ones first, then pods.
func shorten(c *trace.Trace, wrong func(*trace.Trace) bool) *trace.Trace {
	best := c
	try := func(steps []trace.Step) bool {
		candidate := *best
		candidate.Steps = steps
		if !wrong(&candidate) {
			return false
		}
		best = &candidate
		return true
	}
	for before := len(best.Steps) + 1; len(best.Steps) < before; {
		before = len(best.Steps)
		for size := max(1, before/2); size > 0; size /= 2 {
			for at := 0; at+size <= len(best.Steps); {
				if !try(slices.Delete(slices.Clone(best.Steps), at, at+size)) {
					at += max(1, size/2)
				}
			}
		}
	}
	for i := range best.Steps {
		for at := 0; at < len(best.Steps[i].Scene.Pods); {
			steps := slices.Clone(best.Steps)
			steps[i].Scene.Pods = slices.Delete(slices.Clone(steps[i].Scene.Pods), at, at+1)
			if !try(steps) {
				at++
			}
		}
	}
	return best
}

// TestShorten takes a target that cannot be read for "wrong": one step and no pod must be left of the trace.
func TestShorten(t *testing.T) {
	unread := func(c *trace.Trace) bool {
		return slices.ContainsFunc(again(t, c).Steps, func(s trace.Step) bool {
			return slices.ContainsFunc(s.Did.Events, func(e trace.Event) bool { return e.Reason == hpa.ReasonNoScale })
		})
	}
	played := play(t, 1)
	for seed := uint64(2); !unread(played); seed++ {
		played = play(t, seed)
	}
	if short := shorten(played, unread); len(short.Steps) != 1 || len(short.Steps[0].Scene.Pods) > 0 {
		t.Errorf("%d steps and %d pods are left", len(short.Steps), len(short.Steps[0].Scene.Pods))
	}
}
