package hpa_test

import (
	"testing"
	"time"

	"spillway/internal/hpa"
)

func TestScaleDownWindow(t *testing.T) {
	t.Run("the first sync counts as a proposal of what is there", func(t *testing.T) {
		r := newRig(t, shop(&hpa.Behavior{}), 9)
		expect(t, []change{{300, 2}}, r.watch(backlog(0), 400*time.Second))
	})
	t.Run("a proposal leaves when it is exactly one window old", func(t *testing.T) {
		r := newRig(t, shop(&hpa.Behavior{ScaleDown: &hpa.Rules{StabilizationWindow: new(60 * time.Second)}}), 10)
		r.sync(backlog(400000)) // At 0 s.
		expect(t, []change{{60, 2}}, r.watch(backlog(0), 2*time.Minute))
	})
	t.Run("the highest proposal inside it counts", func(t *testing.T) {
		r := newRig(t, shop(&hpa.Behavior{ScaleDown: &hpa.Rules{StabilizationWindow: new(60 * time.Second)}}), 10)
		r.sync(backlog(400000)) // 10, until 60 s.
		r.sync(backlog(320000)) // 8, at 15 s, until 75 s.
		r.sync(backlog(160000)) // 4, at 30 s, until 90 s.
		expect(t, []change{{60, 8}, {75, 4}, {90, 2}}, r.watch(backlog(0), 2*time.Minute))
	})
	t.Run("it does not hold back a rise", func(t *testing.T) {
		r := newRig(t, shop(&hpa.Behavior{}), 4)
		r.sync(backlog(0))
		expectDecision(t, r.sync(backlog(200000)), 5, hpa.ReasonMetric)
	})
	t.Run("none", func(t *testing.T) {
		r := newRig(t, shop(&hpa.Behavior{ScaleDown: atOnce()}), 4)
		expectDecision(t, r.sync(backlog(90000)), 3, hpa.ReasonMetric)
	})
}

func TestScaleUpWindow(t *testing.T) {
	patient := func() *hpa.Behavior {
		return &hpa.Behavior{ScaleUp: &hpa.Rules{StabilizationWindow: new(60 * time.Second)}, ScaleDown: atOnce()}
	}
	t.Run("a rise waits until every lower proposal has left", func(t *testing.T) {
		r := newRig(t, shop(patient()), 2)
		expect(t, []change{{60, 6}}, r.watch(backlog(240000), 2*time.Minute))
	})
	t.Run("the lowest proposal inside it counts", func(t *testing.T) {
		r := newRig(t, shop(patient()), 2)
		r.watch(backlog(120000), 60*time.Second) // 3, until 105 s; the 2 of the start leaves at 60 s.
		expectDecision(t, r.sync(backlog(240000)), 3, hpa.ReasonUpStabilized)
		expect(t, []change{{105, 6}}, r.watch(backlog(240000), time.Minute))
	})
	t.Run("a spike shorter than the window passes unseen", func(t *testing.T) {
		r := newRig(t, shop(patient()), 2)
		r.watch(backlog(80000), time.Minute)
		expect(t, nil, r.watch(backlog(800000), 45*time.Second))
		expect(t, nil, r.watch(backlog(80000), 10*time.Minute))
	})
}

// A proposal is old for good only when it has left both windows.
func TestBothWindows(t *testing.T) {
	b := &hpa.Behavior{
		ScaleUp:   &hpa.Rules{StabilizationWindow: new(30 * time.Second)},
		ScaleDown: &hpa.Rules{StabilizationWindow: new(90 * time.Second)},
	}
	r := newRig(t, shop(b), 10)
	r.sync(backlog(400000)) // 10, at 0 s: leaves the upper window at 30 s, the lower one at 90 s.
	r.watch(backlog(200000), 60*time.Second)
	expectDecision(t, r.sync(backlog(200000)), 10, hpa.ReasonDownStabilized) // 75 s.
	expectDecision(t, r.sync(backlog(200000)), 5, hpa.ReasonMetric)          // 90 s.
	expectDecision(t, r.sync(backlog(600000)), 5, hpa.ReasonUpStabilized)    // 105 s.
	expectDecision(t, r.sync(backlog(600000)), 10, hpa.ReasonScaleUpLimit)   // 120 s: the 5 of 90 s has left.
}

func TestWithoutBehavior(t *testing.T) {
	t.Run("a rise doubles, from 4 on", func(t *testing.T) {
		spec := shop(nil)
		spec.MinReplicas = 0
		r := newRig(t, spec, 1)
		expect(t, []change{{0, 4}, {15, 8}, {30, 16}, {45, 20}}, r.watch(backlog(800000), 2*time.Minute))
	})
	t.Run("the maximum is named when the rate is no tighter", func(t *testing.T) {
		expectDecision(t, newRig(t, shop(nil), 10).sync(backlog(900000)), 20, hpa.ReasonTooManyReplicas)
		expectDecision(t, newRig(t, shop(nil), 9).sync(backlog(900000)), 18, hpa.ReasonScaleUpLimit)
	})
	t.Run("a proposal exactly 5 minutes old still holds", func(t *testing.T) {
		r := newRig(t, shop(nil), 9)
		expect(t, []change{{315, 2}}, r.watch(backlog(0), 400*time.Second))
	})
	t.Run("the fall is not limited but for the minimum", func(t *testing.T) {
		r := newRig(t, shop(nil), 20)
		r.watch(backlog(0), 315*time.Second)
		expectDecision(t, r.sync(backlog(0)), 2, hpa.ReasonTooFewReplicas)
	})
	t.Run("a proposal that the rate held back raises later, against the metric", func(t *testing.T) {
		r := newRig(t, shop(nil), 2)
		expectDecision(t, r.sync(backlog(800000)), 4, hpa.ReasonScaleUpLimit)
		expectDecision(t, r.sync(backlog(0)), 8, hpa.ReasonScaleUpLimit)
		expectDecision(t, r.sync(backlog(0)), 16, hpa.ReasonScaleUpLimit)
		expectDecision(t, r.sync(backlog(0)), 20, hpa.ReasonDownStabilized)
	})
	t.Run("an empty behavior takes the other path", func(t *testing.T) {
		r := newRig(t, shop(&hpa.Behavior{}), 2)
		expectDecision(t, r.sync(backlog(800000)), 6, hpa.ReasonScaleUpLimit)
		expectDecision(t, r.sync(backlog(0)), 6, hpa.ReasonDownStabilized)
	})
}
