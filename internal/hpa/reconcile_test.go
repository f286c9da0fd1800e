package hpa_test

import (
	"errors"
	"testing"
	"time"

	"spillway/internal/hpa"
)

var errAway = errors.New("the API server is away")

// said is what the status says, short: type, + or -, reason.
func said(s hpa.Status) []string {
	var list []string
	for _, c := range s.Conditions {
		sign := "-"
		if c.Holds {
			sign = "+"
		}
		list = append(list, string(c.Type)+sign+string(c.Reason))
	}
	return list
}

func recorded(events []hpa.Event) []hpa.Reason {
	var list []hpa.Reason
	for _, e := range events {
		list = append(list, e.Reason)
	}
	return list
}

// TestTold is what status and events tell of a sync of 4 replicas, 1 to 10 allowed, at a backlog of 1 per pod.
func TestTold(t *testing.T) {
	spec := one(external(hpa.Target{AverageValue: 1000}))
	spec.MaxReplicas = 10
	fine := at(4, nil, hpa.Value(4000))
	cases := map[string]struct {
		edit       func(*hpa.Scene)
		desired    int32
		conditions []string
		events     []hpa.Reason
		cause      hpa.Cause
	}{
		"nothing to do": {
			func(*hpa.Scene) {}, 4,
			[]string{"AbleToScale+ReadyForNewScale", "ScalingActive+ValidMetricFound", "ScalingLimited-DesiredWithinRange"},
			nil, hpa.CauseNone,
		},
		"a rise": {
			func(s *hpa.Scene) { s.Metrics[0] = hpa.Value(7000) }, 7,
			[]string{"AbleToScale+SucceededRescale", "ScalingActive+ValidMetricFound", "ScalingLimited-DesiredWithinRange"},
			[]hpa.Reason{hpa.ReasonEventRescale},
			hpa.CauseAbove,
		},
		"a rise to the maximum": {
			func(s *hpa.Scene) { s.Metrics[0] = hpa.Value(70000) }, 10,
			[]string{"AbleToScale+SucceededRescale", "ScalingActive+ValidMetricFound", "ScalingLimited+TooManyReplicas"},
			[]hpa.Reason{hpa.ReasonEventRescale},
			hpa.CauseAbove,
		},
		"a fall that is refused": {
			func(s *hpa.Scene) { s.Metrics[0], s.Write.Err = hpa.Value(0), errAway }, 1,
			[]string{"AbleToScale-FailedUpdateScale", "ScalingActive+ValidMetricFound", "ScalingLimited+TooFewReplicas"},
			[]hpa.Reason{hpa.ReasonEventFailed},
			hpa.CauseBelow,
		},
		"above the maximum, metrics not looked at": {
			func(s *hpa.Scene) { s.Scale.Spec = 12 }, 10,
			[]string{"AbleToScale+SucceededRescale"},
			[]hpa.Reason{hpa.ReasonEventRescale},
			hpa.CauseAboveMax,
		},
		"at 0": {
			func(s *hpa.Scene) { s.Scale.Spec = 0 }, 0,
			[]string{"AbleToScale+SucceededGetScale", "ScalingActive-ScalingDisabled"},
			nil, hpa.CauseNone,
		},
		"an unreadable metric": {
			func(s *hpa.Scene) { s.Metrics[0].Err = errAway }, 4,
			[]string{"AbleToScale+SucceededGetScale", "ScalingActive-FailedGetExternalMetric"},
			[]hpa.Reason{hpa.ReasonMetricError, hpa.ReasonEventFrozen},
			hpa.CauseNone,
		},
		"an unreadable target": {
			func(s *hpa.Scene) { s.Scale.Err = errAway }, 4,
			[]string{"AbleToScale-FailedGetScale"},
			[]hpa.Reason{hpa.ReasonNoScale},
			hpa.CauseNone,
		},
		"no selector": {
			func(s *hpa.Scene) { s.Scale.Selector = hpa.SelectorMissing }, 4,
			[]string{"AbleToScale+SucceededGetScale", "ScalingActive-InvalidSelector"},
			[]hpa.Reason{"SelectorRequired", hpa.ReasonEventFrozen},
			hpa.CauseNone,
		},
		"another autoscaler of the same pods": {
			func(s *hpa.Scene) { s.Scale.Selector = hpa.SelectorAmbiguous }, 4,
			[]string{"AbleToScale+SucceededGetScale", "ScalingActive-AmbiguousSelector"},
			[]hpa.Reason{"AmbiguousSelector", hpa.ReasonEventFrozen},
			hpa.CauseNone,
		},
		"a status that is not taken": {
			func(s *hpa.Scene) { s.StatusErr = errAway }, 4,
			[]string{"AbleToScale+ReadyForNewScale", "ScalingActive+ValidMetricFound", "ScalingLimited-DesiredWithinRange"},
			[]hpa.Reason{hpa.ReasonEventNoStatus},
			hpa.CauseNone,
		},
		"a frozen one that is not taken either": {
			func(s *hpa.Scene) { s.Metrics[0].Err, s.StatusErr = errAway, errAway }, 4,
			[]string{"AbleToScale+SucceededGetScale", "ScalingActive-FailedGetExternalMetric"},
			[]hpa.Reason{hpa.ReasonMetricError, hpa.ReasonEventNoStatus, hpa.ReasonEventFrozen},
			hpa.CauseNone,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := fine
			s.Metrics = []hpa.Metric{fine.Metrics[0]}
			c.edit(&s)
			got := reconcile(t, spec, hpa.Status{}, s)
			expect(t, c.conditions, said(got.Status))
			expect(t, c.events, recorded(got.Events))
			if got.Desired != c.desired || got.Cause != c.cause || got.Written != (s.StatusErr == nil) {
				t.Errorf("desired %d by %q, written %v; want %d by %q", got.Desired, got.Cause, got.Written, c.desired, c.cause)
			}
			if failed := s.Scale.Err != nil || s.StatusErr != nil || s.Write.Err != nil || got.Status.Condition(hpa.AbleToScale) == nil; failed && got.Err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestMessages holds that a message changes when its matter does, so that a status is written when the controller would.
func TestMessages(t *testing.T) {
	message := func(m hpa.MetricSpec, s hpa.Scene) string {
		return reconcile(t, one(m), hpa.Status{}, s).Status.Condition(hpa.ScalingActive).Message
	}
	failing := at(1, readyPods(1), hpa.Metric{Err: errAway})
	container := hpa.MetricSpec{Source: hpa.ContainerResource, Name: "cpu", Container: "app", Target: hpa.Target{Utilization: 50}}
	raw := hpa.MetricSpec{Source: hpa.Resource, Name: "cpu", Target: hpa.Target{AverageValue: 50}}
	seen := map[string]bool{}
	for _, m := range []hpa.MetricSpec{
		external(hpa.Target{Value: 1}), external(hpa.Target{AverageValue: 1}), object(hpa.Target{Value: 1}), perPod(1), processor(50), raw, container,
	} {
		seen[message(m, failing)] = true
	}
	if len(seen) != 7 {
		t.Errorf("%d messages of 7 metrics: %v", len(seen), seen)
	}
	strangers := at(1, nil, hpa.Metric{Items: []hpa.Milli{9}, Samples: []hpa.Sample{{Pod: "gone"}}})
	if a, b := message(perPod(1), strangers), message(object(hpa.Target{Value: 1}), strangers); a != b {
		t.Errorf("upstream names neither metric when there are no pods, ours says %q and %q", a, b)
	}
}

// TestLife follows one autoscaler: what is kept from sync to sync.
func TestLife(t *testing.T) {
	spec := one(external(hpa.Target{AverageValue: 1000}))
	c, err := hpa.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	now, status := noon, hpa.Status{}
	next := func(s hpa.Scene) hpa.Outcome {
		out := c.Reconcile(now, status, s)
		if out.Written {
			status = out.Status
		}
		now = now.Add(hpa.SyncPeriod)
		return out
	}
	first := next(at(2, nil, hpa.Value(2000)))
	if !first.Written || !first.Status.LastScale.IsZero() || first.Status.Desired != 2 {
		t.Errorf("the first sync gives %+v", first.Status)
	}
	if again := next(at(2, nil, hpa.Value(2000))); again.Written {
		t.Error("the same status was written again")
	}

	rise := at(2, nil, hpa.Value(5000))
	rise.Write.Took = 20 * time.Millisecond // Two conflicts.
	if got := next(rise); !got.Status.LastScale.Equal(noon.Add(30*time.Second + 20*time.Millisecond)) {
		t.Errorf("changed at %v", got.Status.LastScale)
	}
	able := *status.Condition(hpa.AbleToScale)
	if !able.Since.Equal(noon) {
		t.Errorf("able to scale since %v, want the first sync", able.Since)
	}

	refused := at(5, nil, hpa.Value(9000))
	refused.Write.Err = errAway
	if got := next(refused); got.Status.Desired != 5 || got.Status.Condition(hpa.AbleToScale).Since.Equal(noon) || got.Err == nil {
		t.Errorf("a refused change gives %+v", got)
	}

	spec.MaxReplicas = 3
	if err := c.Apply(spec); err != nil {
		t.Fatal(err)
	}
	if got := next(at(5, nil, hpa.Value(9000))); got.Desired != 3 || got.Reason != hpa.ReasonAboveMax {
		t.Errorf("after the maximum was lowered: %+v", got.Decision)
	}
	spec.MaxReplicas = 0
	if err := c.Apply(spec); err == nil {
		t.Error("a maximum of 0 is taken")
	}
	if got := next(at(3, nil, hpa.Value(9000))); got.Desired != 3 {
		t.Errorf("after a spec that was refused: %+v", got.Decision)
	}
}

// TestCauses: the event of a change says why the metrics asked for it, whatever a window made of that.
func TestCauses(t *testing.T) {
	c, err := hpa.New(shop(nil))
	if err != nil {
		t.Fatal(err)
	}
	c.Reconcile(noon, hpa.Status{}, at(2, nil, backlog(800000)))
	got := c.Reconcile(noon.Add(hpa.SyncPeriod), hpa.Status{}, at(4, nil, backlog(160000))) // The 20 of before were held back by the rate.
	if got.Desired != 8 || got.Cause != hpa.CauseNone || got.Events[0].Message == "" {
		t.Errorf("%+v, want 8 for no cause", got)
	}
	got = reconcile(t, shop(nil), hpa.Status{}, at(1, nil))
	if got.Desired != 2 || got.Cause != hpa.CauseBelowMin {
		t.Errorf("%+v, want 2 for the minimum", got)
	}
}

// TestLongerPeriods: a change that was once too old for the policies gives its place to the next one, although it would count again after the
// policies were given longer periods.
func TestLongerPeriods(t *testing.T) {
	allowing := func(n int32, period time.Duration) hpa.Spec {
		s := one(external(hpa.Target{AverageValue: 1000}))
		s.Behavior.ScaleUp.Policies = []hpa.Policy{pods(n, period)}
		return s
	}
	r := newRig(t, allowing(2, 15*time.Second), 1)
	apply := func(s hpa.Spec) {
		if err := r.c.Apply(s); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, []change{{0, 3}, {15, 5}, {30, 7}}, r.watch(hpa.Value(100_000), 45*time.Second)) // That of 30 s takes the place of that of 0 s.
	r.now = r.now.Add(15 * time.Second)
	expect(t, []change{{60, 9}}, r.watch(hpa.Value(100_000), 15*time.Second)) // That of 15 s; that of 30 s is spent.
	apply(allowing(100, 10*time.Minute))
	expectDecision(t, r.sync(hpa.Value(20_000)), 20, hpa.ReasonMetric) // That of 30 s.
	apply(allowing(14, 10*time.Minute))
	expectDecision(t, r.sync(hpa.Value(100_000)), 21, hpa.ReasonScaleUpLimit) // 20, without the 2 of 60 s and the 11 of 75 s, and 14.
}
