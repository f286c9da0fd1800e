//go:build linux

package cluster_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/e2e/cluster"
)

func TestTimesAreDividedByTheSpeed(t *testing.T) {
	const s = time.Second
	for speed, want := range map[float64]cluster.Times{
		1: {
			HPASync: 15 * s, HPAStabilisation: 300 * s, HPAReadiness: 30 * s, HPACPUStart: 300 * s,
			NodeLease: 10 * s, NodeMonitor: 5 * s, NodeGrace: 50 * s, NodeToleration: 300 * s, BackOff: 10 * s,
		},
		2.5: {
			HPASync: 6 * s, HPAStabilisation: 120 * s, HPAReadiness: 12 * s, HPACPUStart: 120 * s,
			NodeLease: 4 * s, NodeMonitor: 2 * s, NodeGrace: 20 * s, NodeToleration: 120 * s, BackOff: 4 * s,
		},
		15: {
			HPASync: s, HPAStabilisation: 20 * s, HPAReadiness: 2 * s, HPACPUStart: 20 * s,
			NodeLease: s, NodeMonitor: s, NodeGrace: 10 * s, NodeToleration: 20 * s, BackOff: s,
		},
	} {
		if diff := cmp.Diff(want, cluster.TimesAt(speed)); diff != "" {
			t.Errorf("at speed %v (-want +got):\n%s", speed, diff)
		}
	}
}
