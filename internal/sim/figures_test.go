package sim_test

import (
	"testing"

	"spillway/internal/sim"
)

// TestFigures holds what the documents say of the law, for the worst of the seeds.
func TestFigures(t *testing.T) {
	tests := []struct {
		trace           sim.Trace
		overFloor       float64
		slo, p99        float64
		changes         int
		rightSize       int
		errors, ofLarge float64
	}{
		{trace: sim.NormalDay(), overFloor: 1.05, p99: 2, changes: 10, errors: 0.3, ofLarge: 1},
		{trace: sim.BlackFriday(), overFloor: 1.08, p99: 5, changes: 40, errors: 0.3, ofLarge: 0.3},
		{trace: sim.BlackFridayBurst(), overFloor: 1.08, p99: 15, changes: 40, rightSize: 60, errors: 0.3, ofLarge: 1},
		{trace: sim.Spike(), overFloor: 1.08, slo: 5, p99: 90, changes: 20, rightSize: 60, errors: 0.3, ofLarge: 1},
		{trace: sim.Bulk(), overFloor: 1.12, slo: 10, p99: 480, changes: 25, rightSize: 60, errors: 0.3, ofLarge: 1},
	}
	for _, tt := range tests {
		t.Run(tt.trace.Name, func(t *testing.T) {
			o := worstOf(t, tt.trace, sim.OnDesired(), nil)
			most := func(what string, got, bound float64) {
				if got > bound {
					t.Errorf("%s: %.3f, want at most %v", what, got, bound)
				}
			}
			most("pod-hours over the floor", o.OverFloor(), tt.overFloor)
			most("minutes over the SLO", o.SLOMinutes, tt.slo)
			most("p99 age", o.P99, tt.p99)
			most("replica changes", float64(o.Changes), float64(tt.changes))
			most("error over Monitoring's", o.ErrorRatio(), tt.errors)
			most("error over Monitoring's while there is much", o.LoudErrorRatio(), tt.ofLarge)
			if tt.rightSize > 0 && (o.RightSize < 0 || o.RightSize > tt.rightSize) {
				t.Errorf("right size after %d s, want %d", o.RightSize, tt.rightSize)
			}
		})
	}
}

// TestOutages holds that what cannot be seen costs neither pods that are needed nor many that are not.
func TestOutages(t *testing.T) {
	for _, tt := range outages() {
		t.Run(tt.name, func(t *testing.T) {
			o := worstOf(t, tt.trace, sim.OnDesired(), tt.change)
			if o.OverFloor() > 1.2 || o.SLOMinutes > 0 || o.ShortByFar > 90 {
				t.Errorf("%.3f of the floor, %.1f minutes over the SLO, %d s too short", o.OverFloor(), o.SLOMinutes, o.ShortByFar)
			}
		})
	}
}

// TestPeers holds the reasons for the law: what the ways before it come to on the same days.
func TestPeers(t *testing.T) {
	t.Run("raw backlog is late all day", func(t *testing.T) {
		if o := worstOf(t, sim.NormalDay(), sim.OnBacklog(40000), nil); o.SLOMinutes < 500 {
			t.Errorf("%.0f minutes over the SLO", o.SLOMinutes)
		}
	})
	t.Run("Monitoring alone with the arrival rate fed forward is not", func(t *testing.T) {
		if o := worstOf(t, sim.NormalDay(), sim.OnDesiredRemote(200), nil); o.SLOMinutes > 0 || o.OverFloor() > 1.05 {
			t.Errorf("%.1f minutes over the SLO at %.3f of the floor", o.SLOMinutes, o.OverFloor())
		}
	})
	t.Run("the processor of workers that wait for others says nothing", func(t *testing.T) {
		o := worstOf(t, sim.NormalDay(), sim.OnProcessor(50), func(s *sim.Setup) { s.FullCPU = 0.4 })
		if o.SLOMinutes < 500 {
			t.Errorf("%.0f minutes over the SLO", o.SLOMinutes)
		}
	})
}

func TestNewestFirstCostsLittle(t *testing.T) {
	plain := worstOf(t, sim.BlackFridayBurst(), sim.OnDesired(), nil)
	mixed := worstOf(t, sim.BlackFridayBurst(), sim.OnDesired(), func(s *sim.Setup) { s.Newest = 0.3 })
	if mixed.OverFloor() > plain.OverFloor()+0.05 || mixed.SLOMinutes > 1 {
		t.Errorf("30 %% newest first: %.3f of the floor (%.3f), %.1f minutes over the SLO", mixed.OverFloor(), plain.OverFloor(), mixed.SLOMinutes)
	}
}
