package hpa_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"spillway/internal/hpa"
)

func TestProposal(t *testing.T) {
	cases := map[string]struct {
		target      hpa.Milli
		spec        int32 // The same as status when 0.
		status      int32
		metric      hpa.Metric
		want        int32
		wantInRange bool // Whether the tolerance swallows the difference.
	}{
		"nothing waits":                        {status: 2, metric: backlog(0), want: 0},
		"one message needs one pod":            {status: 2, metric: backlog(1), want: 1},
		"exactly one pod's worth":              {status: 2, metric: backlog(40000), want: 1},
		"one message more":                     {status: 5, metric: backlog(40001), want: 2},
		"a thousandth more":                    {status: 5, metric: hpa.Value(40000*hpa.Unit + 1), want: 2},
		"on target":                            {status: 10, metric: backlog(400000), want: 10, wantInRange: true},
		"10 % above is within":                 {status: 10, metric: backlog(440000), want: 10, wantInRange: true},
		"a thousandth over 10 % above":         {status: 10, metric: hpa.Value(440000*hpa.Unit + 1), want: 12},
		"10 % below is within":                 {status: 10, metric: backlog(360000), want: 10, wantInRange: true},
		"one message under 10 % below":         {status: 10, metric: backlog(359999), want: 9},
		"within tolerance is what exists":      {spec: 12, status: 10, metric: backlog(400000), want: 10, wantInRange: true},
		"out of tolerance of what exists":      {spec: 10, status: 5, metric: backlog(400000), want: 10},
		"lagging pods do not multiply":         {spec: 10, status: 1, metric: backlog(400000), want: 10},
		"no pod yet and nothing waits":         {spec: 2, status: 0, metric: backlog(0), want: 0},
		"no pod yet and on target of one":      {spec: 2, status: 0, metric: backlog(40000), want: 1},
		"items are added":                      {status: 1, metric: hpa.Metric{Items: []hpa.Milli{target, target, 1}}, want: 3},
		"a sum beyond 64 bits is the most":     {status: 1, metric: hpa.Metric{Items: []hpa.Milli{math.MaxInt64, 1}}, want: math.MaxInt32, target: 1},
		"an overflow hides what follows":       {status: 1, metric: hpa.Metric{Items: []hpa.Milli{math.MaxInt64, 1, math.MaxInt64, 2}}, want: math.MaxInt32, target: 1},
		"below zero is taken for an overflow":  {status: 1, metric: hpa.Value(-1), want: math.MaxInt32, target: 1},
		"more pods than 32 bits":               {status: 1, metric: hpa.Value(math.MaxInt32 + 1), want: math.MaxInt32, target: 1},
		"as many pods as 32 bits":              {status: 1, metric: hpa.Value(math.MaxInt32), want: math.MaxInt32, target: 1},
		"desired replicas as the metric":       {status: 3, metric: hpa.Value(3301), want: 4, target: hpa.Unit},
		"desired replicas 10 % up: swallowed":  {status: 10, metric: hpa.Value(11000), want: 10, wantInRange: true, target: hpa.Unit},
		"desired replicas just beyond 10 % up": {status: 10, metric: hpa.Value(11001), want: 12, target: hpa.Unit},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			spec := shop(&hpa.Behavior{})
			if c.target != 0 {
				spec.AverageValue = c.target
			}
			if c.spec == 0 {
				c.spec = c.status
			}
			spec.MinReplicas = 1
			got := newRig(t, spec, 0).c.Sync(time.Unix(0, 0), c.spec, c.status, c.metric)
			if got.Proposed != c.want {
				t.Errorf("proposed %d, want %d", got.Proposed, c.want)
			}
			if within := got.Reason == hpa.ReasonWithinTolerance; c.spec == c.status && within != c.wantInRange {
				t.Errorf("reason %s, within tolerance: want %v", got.Reason, c.wantInRange)
			}
		})
	}
}

func TestTolerancePerDirection(t *testing.T) {
	cases := map[string]struct {
		up, down *float64
		messages int64 // For 10 pods at 40000 each.
		want     int32
	}{
		"default up":                   {messages: 440000, want: 10},
		"none up acts on one message":  {up: new(0.0), messages: 400001, want: 11},
		"none up leaves down alone":    {up: new(0.0), messages: 360000, want: 10},
		"5 % up acts on 6 %":           {up: new(0.05), messages: 424000, want: 11},
		"none down acts on a pod less": {down: new(0.0), messages: 360000, want: 9},
		"none down leaves up alone":    {down: new(0.0), messages: 440000, want: 10},
		"half down":                    {down: new(0.5), messages: 200000, want: 10},
		"beyond half down":             {down: new(0.5), messages: 199999, want: 5},
		"everything down holds at 0":   {down: new(1.0), messages: 0, want: 10},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			down := atOnce()
			down.Tolerance = c.down
			r := newRig(t, shop(&hpa.Behavior{ScaleUp: &hpa.Rules{Tolerance: c.up}, ScaleDown: down}), 10)
			if got := r.sync(backlog(c.messages)); got.Desired != c.want {
				t.Errorf("desired %d, want %d", got.Desired, c.want)
			}
		})
	}
}

func TestUnreadableMetricFreezes(t *testing.T) {
	broken := errors.New("adapter is gone")
	r := newRig(t, shop(nil), 7)
	for _, m := range []hpa.Metric{{Err: broken}, {Items: []hpa.Milli{target}, Err: broken}} {
		expectDecision(t, r.sync(m), 7, hpa.ReasonMetricError)
		if d := r.sync(m); d.Rescale || d.Proposed != -1 || !errors.Is(d.Err, broken) {
			t.Errorf("decision %+v, want no change, no proposal and the metric's error", d)
		}
	}
	if d := r.sync(hpa.Metric{}); d.Desired != 7 || !errors.Is(d.Err, hpa.ErrNoItems) {
		t.Errorf("an empty answer gives %+v, want a freeze with ErrNoItems", d)
	}
}

// An outage records nothing, so the window runs empty: 5 minutes of silence and the first low value takes everything down.
func TestOutageEmptiesTheWindow(t *testing.T) {
	gone := hpa.Metric{Err: errors.New("no samples")}

	t.Run("a short one leaves the hold in place", func(t *testing.T) {
		r := newRig(t, shop(&hpa.Behavior{}), 20)
		r.sync(backlog(800000))
		expect(t, nil, r.watch(gone, 270*time.Second))
		expectDecision(t, r.sync(backlog(0)), 20, hpa.ReasonDownStabilized)
	})
	t.Run("one as long as the window does not", func(t *testing.T) {
		r := newRig(t, shop(&hpa.Behavior{}), 20)
		r.sync(backlog(800000))
		expect(t, nil, r.watch(gone, 285*time.Second))
		expectDecision(t, r.sync(backlog(0)), 2, hpa.ReasonTooFewReplicas)
	})
}
