package hpa_test

import (
	"testing"

	"spillway/internal/hpa"
)

// TestScaleToZero is the gate HPAScaleToZero, which is off by default.
func TestScaleToZero(t *testing.T) {
	gate := func(on bool) *hpa.Settings {
		s := hpa.DefaultSettings()
		s.ScaleToZero = on
		return &s
	}
	sleepy := func(on bool) hpa.Spec {
		s := one(external(hpa.Target{AverageValue: 1000}))
		s.MinZero, s.Settings = true, gate(on)
		return s
	}
	asleep := hpa.Status{Conditions: []hpa.Condition{{Type: hpa.ScaledToZero, Holds: true, Reason: hpa.ReasonToZero}}}
	zero := func(o hpa.Outcome) string {
		if c := o.Status.Condition(hpa.ScaledToZero); c != nil {
			return string(c.Reason)
		}
		return ""
	}
	expectZero := func(t *testing.T, got hpa.Outcome, desired int32, condition string) {
		t.Helper()
		if got.Desired != desired || zero(got) != condition {
			t.Errorf("desired %d, condition %q; want %d, %q", got.Desired, zero(got), desired, condition)
		}
	}

	t.Run("it goes there and says so", func(t *testing.T) {
		expectZero(t, reconcile(t, sleepy(true), hpa.Status{}, at(3, nil, hpa.Value(0))), 0, "ScaledToZero")
	})
	t.Run("a metric brings it back, and it forgets", func(t *testing.T) {
		expectZero(t, reconcile(t, sleepy(true), asleep, at(0, nil, hpa.Value(2500))), 3, "NotScaledToZero")
	})
	t.Run("by a value, the ratio is the number", func(t *testing.T) {
		s := sleepy(true)
		s.Metrics[0].Target = hpa.Target{Value: 1000}
		got := reconcile(t, s, asleep, at(0, nil, hpa.Value(1050)))
		expectZero(t, got, 2, "NotScaledToZero")
		expect(t, hpa.RuleFromZero, got.Proposals[0].Rule)
	})
	t.Run("nothing waits, it stays", func(t *testing.T) {
		expectZero(t, reconcile(t, sleepy(true), asleep, at(0, nil, hpa.Value(0))), 0, "ScaledToZero")
	})
	t.Run("an unreadable metric leaves it there", func(t *testing.T) {
		expectZero(t, reconcile(t, sleepy(true), asleep, at(0, nil, hpa.Metric{Err: errAway})), 0, "ScaledToZero")
	})
	t.Run("one that somebody else put there is left alone", func(t *testing.T) {
		got := reconcile(t, sleepy(true), hpa.Status{}, at(0, nil, hpa.Value(9000)))
		expectZero(t, got, 0, "")
		expect(t, hpa.ReasonDisabled, got.Reason)
	})
	t.Run("a minimum that was raised brings it back without a metric", func(t *testing.T) {
		s := one(external(hpa.Target{AverageValue: 1000}))
		s.MinReplicas, s.Settings = 2, gate(true)
		got := reconcile(t, s, asleep, at(0, nil, hpa.Value(0)))
		expectZero(t, got, 2, "NotScaledToZero")
		expect(t, hpa.CauseBelowMin, got.Cause)
		expect(t, hpa.CauseAbove, reconcile(t, s, asleep, at(0, nil, hpa.Value(1000))).Cause)
	})
	t.Run("pods alone cannot bring it back", func(t *testing.T) {
		s := one(processor(50))
		s.MinReplicas, s.Settings = 2, gate(true)
		expectZero(t, reconcile(t, s, asleep, at(0, nil, hpa.Metric{})), 0, "ScaledToZero")
	})
	t.Run("with the gate off it goes there and stays", func(t *testing.T) {
		expectZero(t, reconcile(t, sleepy(false), hpa.Status{}, at(3, nil, hpa.Value(0))), 0, "")
		expectZero(t, reconcile(t, sleepy(false), asleep, at(0, nil, hpa.Value(9000))), 0, "")
	})
}

// TestSettings are flags of kube-controller-manager.
func TestSettings(t *testing.T) {
	with := func(b *hpa.Behavior, edit func(*hpa.Settings)) hpa.Spec {
		set := hpa.DefaultSettings()
		edit(&set)
		s := shop(b)
		s.Settings = &set
		return s
	}
	wide := func(s *hpa.Settings) { s.Tolerance = 0.5 }
	t.Run("the tolerance", func(t *testing.T) {
		expectDecision(t, newRig(t, with(&hpa.Behavior{}, wide), 10).sync(backlog(600000)), 10, hpa.ReasonWithinTolerance)
	})
	t.Run("the autoscaler's own comes first", func(t *testing.T) {
		b := &hpa.Behavior{ScaleUp: &hpa.Rules{Tolerance: new(0.1)}}
		expectDecision(t, newRig(t, with(b, wide), 10).sync(backlog(600000)), 15, hpa.ReasonMetric)
	})
	t.Run("unless its gate is off", func(t *testing.T) {
		b := &hpa.Behavior{ScaleUp: &hpa.Rules{Tolerance: new(0.1)}}
		off := func(s *hpa.Settings) { s.Tolerance, s.IgnoreTolerances = 0.5, true }
		expectDecision(t, newRig(t, with(b, off), 10).sync(backlog(600000)), 10, hpa.ReasonWithinTolerance)
	})
	t.Run("the scale-down window, with a behavior and without", func(t *testing.T) {
		short := func(s *hpa.Settings) { s.DownscaleStabilization = 60e9 }
		expect(t, []change{{60, 2}}, newRig(t, with(&hpa.Behavior{}, short), 9).watch(backlog(0), 3*hpa.SyncPeriod*4))
		expect(t, []change{{75, 2}}, newRig(t, with(nil, short), 9).watch(backlog(0), 3*hpa.SyncPeriod*4))
	})
}
