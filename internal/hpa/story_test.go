package hpa_test

import (
	"testing"
	"time"

	"spillway/internal/hpa"
)

// The scale-down that is documented everywhere, 300 s and then 20 % a minute, from 20 pods to 2 takes eight steps and 12 minutes.
func TestGentleScaleDown(t *testing.T) {
	r := newRig(t, shop(&hpa.Behavior{ScaleDown: gently()}), 20)
	r.sync(backlog(800000))
	want := []change{{300, 16}, {360, 12}, {420, 9}, {480, 7}, {540, 5}, {600, 4}, {660, 3}, {720, 2}}
	expect(t, want, r.watch(backlog(0), time.Hour))
}

func TestScaleUpSteps(t *testing.T) {
	cases := map[string]struct {
		up   *hpa.Rules
		want []change
	}{
		"default: 4 pods, then doubling": {nil, []change{{0, 6}, {15, 12}, {30, 20}}},
		"doubling alone":                 {&hpa.Rules{Policies: []hpa.Policy{percent(100, 15*time.Second)}}, []change{{0, 4}, {15, 8}, {30, 16}, {45, 20}}},
		"shipped: 900 %":                 {&hpa.Rules{Policies: []hpa.Policy{percent(900, 15*time.Second)}}, []change{{0, 20}}},
		"doubling once a minute":         {&hpa.Rules{Policies: []hpa.Policy{percent(100, time.Minute)}}, []change{{0, 4}, {60, 8}, {120, 16}, {180, 20}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, shop(&hpa.Behavior{ScaleUp: c.up}), 2)
			expect(t, c.want, r.watch(backlog(2_000_000), 5*time.Minute))
		})
	}
}

// A day at 40000 per pod: a rise, a plateau inside the tolerance, the queue drained, quiet.
func TestBacklogStory(t *testing.T) {
	r := newRig(t, shop(&hpa.Behavior{ScaleUp: rules("", percent(900, 15*time.Second)), ScaleDown: gently()}), 2)
	expect(t, nil, r.watch(backlog(60000), 10*time.Minute))                      // 2 pods do; the minimum.
	expect(t, []change{{600, 8}}, r.watch(backlog(300000), time.Minute))         // ceil(7.5).
	expect(t, nil, r.watch(backlog(340000), time.Minute))                        // 6 % above 8 pods' worth.
	expect(t, []change{{720, 20}}, r.watch(backlog(1_500_000), time.Minute))     // 38, the maximum is 20.
	expect(t, nil, r.watch(backlog(100000), 4*time.Minute+45*time.Second))       // Held since 765 s.
	expect(t, []change{{1065, 16}}, r.watch(backlog(100000), time.Minute))       // 300 s after the last high proposal.
	expect(t, []change{{1125, 20}}, r.watch(backlog(1_500_000), 15*time.Second)) // A second wave comes back at once ...
	expectDecision(t, r.sync(backlog(0)), 20, hpa.ReasonDownStabilized)          // ... and is held for its own window.
	got := r.watch(backlog(0), time.Hour)
	expect(t, []change{{1425, 16}, {1485, 12}, {1545, 9}, {1605, 7}, {1665, 5}, {1725, 4}, {1785, 3}, {1845, 2}}, got)
}

// Pods that are slow to start: the proposal does not depend on them, and inside the tolerance the answer is what exists.
func TestLaggingStatus(t *testing.T) {
	r := newRig(t, shop(&hpa.Behavior{ScaleDown: atOnce()}), 10)
	got := r.c.Sync(r.now, 10, 4, backlog(400000))
	expectDecision(t, got, 10, hpa.ReasonMetric)
	got = r.c.Sync(r.now.Add(hpa.SyncPeriod), 10, 4, backlog(160000)) // On target for the 4 that exist: 6 requested pods are given up.
	expectDecision(t, got, 4, hpa.ReasonWithinTolerance)
}
