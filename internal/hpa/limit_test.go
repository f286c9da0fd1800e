package hpa_test

import (
	"math"
	"testing"
	"time"

	"spillway/internal/hpa"
)

const minute = time.Minute

func TestOneStep(t *testing.T) {
	cases := map[string]struct {
		up, down *hpa.Rules
		from     int32
		messages int64
		want     int32
		reason   hpa.Reason
	}{
		"up, default, small: 4 pods":    {from: 3, messages: 800000, want: 7, reason: hpa.ReasonScaleUpLimit},
		"up, default, large: 100 %":     {from: 6, messages: 800000, want: 12, reason: hpa.ReasonScaleUpLimit},
		"up, pods":                      {up: rules("", pods(3, minute)), from: 5, messages: 800000, want: 8, reason: hpa.ReasonScaleUpLimit},
		"up, percent is rounded up":     {up: rules("", percent(10, minute)), from: 5, messages: 800000, want: 6, reason: hpa.ReasonScaleUpLimit},
		"up, max takes the larger":      {up: rules(hpa.MaxChange, pods(3, minute), percent(20, minute)), from: 5, messages: 800000, want: 8, reason: hpa.ReasonScaleUpLimit},
		"up, min takes the smaller":     {up: rules(hpa.MinChange, pods(3, minute), percent(20, minute)), from: 5, messages: 800000, want: 6, reason: hpa.ReasonScaleUpLimit},
		"up, min in the other order":    {up: rules(hpa.MinChange, percent(20, minute), pods(3, minute)), from: 5, messages: 800000, want: 6, reason: hpa.ReasonScaleUpLimit},
		"up, disabled":                  {up: rules(hpa.Disabled, pods(3, minute)), from: 5, messages: 800000, want: 5, reason: hpa.ReasonScaleUpLimit},
		"up, disabled without policies": {up: rules(hpa.Disabled), from: 5, messages: 800000, want: 5, reason: hpa.ReasonScaleUpLimit},
		"up, below the limit":           {up: rules("", pods(3, minute)), from: 5, messages: 280000, want: 7, reason: hpa.ReasonMetric},
		"up, the maximum":               {up: rules("", pods(30, minute)), from: 5, messages: 840000, want: 20, reason: hpa.ReasonTooManyReplicas},
		"up, limit and maximum alike":   {up: rules("", pods(15, minute)), from: 5, messages: 840000, want: 20, reason: hpa.ReasonTooManyReplicas},
		"up, 900 % in one step":         {up: rules("", percent(900, 15*time.Second)), from: 2, messages: 800000, want: 20, reason: hpa.ReasonMetric},
		"up, a sum that wraps: no step": {up: rules("", pods(math.MaxInt32, minute)), from: 5, messages: 800000, want: 5, reason: hpa.ReasonScaleUpLimit},

		"down, default: to the minimum":  {from: 20, messages: 0, want: 2, reason: hpa.ReasonTooFewReplicas},
		"down, pods":                     {down: rules("", pods(3, minute)), from: 20, messages: 0, want: 17, reason: hpa.ReasonScaleDownLimit},
		"down, percent is cut off":       {down: rules("", percent(20, minute)), from: 9, messages: 0, want: 7, reason: hpa.ReasonScaleDownLimit},
		"down, more than everything":     {down: rules("", percent(900, minute)), from: 9, messages: 0, want: 2, reason: hpa.ReasonTooFewReplicas},
		"down, 1 % is one pod":           {down: rules("", percent(1, minute)), from: 9, messages: 0, want: 8, reason: hpa.ReasonScaleDownLimit},
		"down, max takes the larger":     {down: rules(hpa.MaxChange, pods(1, minute), percent(50, minute)), from: 9, messages: 0, want: 4, reason: hpa.ReasonScaleDownLimit},
		"down, min takes the smaller":    {down: rules(hpa.MinChange, pods(1, minute), percent(50, minute)), from: 9, messages: 0, want: 8, reason: hpa.ReasonScaleDownLimit},
		"down, min in the other order":   {down: rules(hpa.MinChange, percent(50, minute), pods(1, minute)), from: 9, messages: 0, want: 8, reason: hpa.ReasonScaleDownLimit},
		"down, disabled":                 {down: rules(hpa.Disabled), from: 9, messages: 0, want: 9, reason: hpa.ReasonScaleDownLimit},
		"down, above the limit":          {down: rules("", pods(3, minute)), from: 9, messages: 280000, want: 7, reason: hpa.ReasonMetric},
		"down, limit and minimum alike":  {down: rules("", pods(7, minute)), from: 9, messages: 0, want: 2, reason: hpa.ReasonTooFewReplicas},
		"within tolerance, nothing else": {from: 9, messages: 360000, want: 9, reason: hpa.ReasonWithinTolerance},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.down == nil {
				c.down = rules("")
			}
			r := newRig(t, shop(&hpa.Behavior{ScaleUp: c.up, ScaleDown: c.down}), c.from)
			expectDecision(t, r.sync(backlog(c.messages)), c.want, c.reason)
		})
	}
}

// rules has no window, so that one step shows the policies alone.
func rules(choice hpa.SelectPolicy, policies ...hpa.Policy) *hpa.Rules {
	return &hpa.Rules{StabilizationWindow: new(time.Duration(0)), Select: choice, Policies: policies}
}

func TestOutOfBounds(t *testing.T) {
	cases := map[string]struct {
		from   int32
		want   int32
		reason hpa.Reason
	}{
		"at zero: left alone":     {from: 0, want: 0, reason: hpa.ReasonDisabled},
		"above the maximum":       {from: 35, want: 20, reason: hpa.ReasonAboveMax},
		"below the minimum":       {from: 1, want: 2, reason: hpa.ReasonBelowMin},
		"at the maximum: allowed": {from: 20, want: 20, reason: hpa.ReasonMetricError},
		"at the minimum: allowed": {from: 2, want: 2, reason: hpa.ReasonMetricError},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := &hpa.Behavior{ScaleUp: rules(hpa.Disabled), ScaleDown: rules(hpa.Disabled)}
			got := newRig(t, shop(b), c.from).sync(hpa.Metric{}) // Unreadable: the bounds do not need it.
			expectDecision(t, got, c.want, c.reason)
			if got.Rescale != (c.from != c.want) || got.Proposed != -1 {
				t.Errorf("decision %+v, want a rescale only if replicas change, and no proposal", got)
			}
		})
	}
	t.Run("the minimum left out is 1", func(t *testing.T) {
		spec := shop(nil)
		spec.MinReplicas = 0
		r := newRig(t, spec, 3)
		r.watch(backlog(0), 315*time.Second)
		expectDecision(t, r.sync(backlog(0)), 1, hpa.ReasonTooFewReplicas)
	})
	t.Run("going to the maximum uses the period's allowance up", func(t *testing.T) {
		r := newRig(t, shop(&hpa.Behavior{ScaleDown: rules("", pods(15, minute))}), 30)
		expect(t, []change{{0, 20}, {15, 15}, {60, 5}, {75, 2}}, r.watch(backlog(0), 2*minute))
	})
	t.Run("going to the minimum too", func(t *testing.T) {
		r := newRig(t, shop(&hpa.Behavior{ScaleUp: rules("", pods(2, minute))}), 1)
		expect(t, []change{{0, 2}, {15, 3}, {60, 4}, {75, 5}, {120, 6}}, r.watch(backlog(800000), 2*minute+time.Second))
	})
}

// Periods reach back over both kinds of change: what was removed may come back, what was added may go.
func TestPeriodStart(t *testing.T) {
	b := func() *hpa.Behavior {
		return &hpa.Behavior{ScaleUp: rules("", pods(2, minute)), ScaleDown: rules("", pods(2, minute))}
	}
	t.Run("the allowance returns when a change is exactly one period old", func(t *testing.T) {
		r := newRig(t, shop(b()), 4)
		expect(t, []change{{0, 6}, {60, 8}, {120, 10}}, r.watch(backlog(800000), 150*time.Second))
	})
	t.Run("a fall after a rise may take both back", func(t *testing.T) {
		r := newRig(t, shop(b()), 8)
		expectDecision(t, r.sync(backlog(800000)), 10, hpa.ReasonScaleUpLimit)
		expectDecision(t, r.sync(backlog(0)), 6, hpa.ReasonScaleDownLimit)
	})
	t.Run("a rise after a fall too", func(t *testing.T) {
		r := newRig(t, shop(b()), 8)
		expectDecision(t, r.sync(backlog(0)), 6, hpa.ReasonScaleDownLimit)
		expectDecision(t, r.sync(backlog(800000)), 10, hpa.ReasonScaleUpLimit)
	})
	t.Run("each policy looks back over its own period", func(t *testing.T) {
		up := rules(hpa.MinChange, pods(2, 30*time.Second), pods(3, minute))
		r := newRig(t, shop(&hpa.Behavior{ScaleUp: up}), 4)
		expect(t, []change{{0, 6}, {30, 7}, {60, 9}, {90, 10}}, r.watch(backlog(800000), 105*time.Second))
	})
	t.Run("replicas taken away by hand never turn a rise into a fall", func(t *testing.T) {
		r := newRig(t, shop(b()), 8)
		r.sync(backlog(800000))
		r.replicas = 3 // Of which 2 count as added: the period began with 1, so 3 is the limit.
		expectDecision(t, r.sync(backlog(800000)), 3, hpa.ReasonScaleUpLimit)
	})
	t.Run("a longer period listed first is not forgotten", func(t *testing.T) {
		up := rules(hpa.MinChange, pods(5, minute), pods(2, 15*time.Second))
		r := newRig(t, shop(&hpa.Behavior{ScaleUp: up}), 4)
		want := []change{{0, 6}, {15, 8}, {30, 9}, {60, 11}, {75, 13}, {90, 14}}
		expect(t, want, r.watch(backlog(800000), 2*minute))
	})
	t.Run("a fall over the allowance never turns into a rise", func(t *testing.T) {
		r := newRig(t, shop(b()), 30)
		expectDecision(t, r.sync(backlog(0)), 20, hpa.ReasonAboveMax)
		expectDecision(t, r.sync(backlog(0)), 20, hpa.ReasonScaleDownLimit)
	})
	t.Run("a long history is kept whole", func(t *testing.T) {
		up := rules("", pods(10, 30*time.Minute))
		r := newRig(t, hpa.Spec{MaxReplicas: 100, AverageValue: target, Behavior: &hpa.Behavior{ScaleUp: up}}, 5)
		for messages := int64(240000); messages <= 800000; messages += 40000 { // One pod more each time.
			r.sync(backlog(messages * 12 / 10))
		}
		if r.replicas != 15 {
			t.Errorf("%d replicas after 30 minutes that allow 10 more than 5", r.replicas)
		}
	})
}
