package sim_test

import (
	"fmt"
	"testing"

	"spillway/internal/sim"
)

// seeds shift the phases of samples, scrapes and syncs against the onset of bursts; the worst of them is given.
const seeds = 5

// BenchmarkDay is 24 simulated hours of one policy, with the law in the loop every 5 s.
func BenchmarkDay(b *testing.B) {
	setup := sim.DefaultSetup(sim.BlackFriday(), sim.OnDesired(), 1)
	for b.Loop() {
		if _, err := sim.Run(setup); err != nil {
			b.Fatal(err)
		}
	}
	fmt.Printf("sim_days_per_second %.1f 1/s\n", float64(b.N)/b.Elapsed().Seconds())
}

// BenchmarkFigures prints a row for every figure; it is run with -run '^$' -bench Figures -benchtime 1x.
func BenchmarkFigures(b *testing.B) {
	for b.Loop() {
		for _, p := range []sim.Policy{sim.OnDesired(), sim.OnDesiredRemote(200), sim.OnBacklog(40000), sim.OnBacklog(20000), sim.OnProcessor(50)} {
			for _, tr := range sim.Synthetic() {
				printRows(p.Name+"_"+tr.Name, worstOf(b, tr, p, nil))
			}
		}
		p := sim.OnDesired()
		for _, tr := range sim.Synthetic() {
			slow := worstOf(b, tr, p, func(s *sim.Setup) { s.Scrape = 15 })
			fmt.Printf("nowcast_error_ratio_vs_monitoring_%s_15s %.2f ratio\n", tr.Name, slow.ErrorRatio())
			fmt.Printf("nowcast_loud_error_ratio_vs_monitoring_%s_15s %.2f ratio\n", tr.Name, slow.LoudErrorRatio())
			fmt.Printf("scrape_15s_%s_p99_seconds %.0f s\n", tr.Name, slow.P99)
		}
		for _, o := range outages() {
			printRows("outage_"+o.name, worstOf(b, o.trace, p, o.change))
		}
	}
}

func printRows(name string, o sim.Outcome) {
	fmt.Printf("%s_podhours_over_floor %.3f ratio\n%s_slo_minutes %.1f min\n%s_p99_seconds %.0f s\n", name, o.OverFloor(), name, o.SLOMinutes, name, o.P99)
	fmt.Printf("%s_max_age_seconds %.0f s\n%s_replica_changes %d changes\n%s_reversals %d changes\n", name, o.MaxAge, name, o.Changes, name, o.Reversals)
	if o.RightSize >= 0 {
		fmt.Printf("%s_seconds_to_right_size %d s\n", name, o.RightSize)
	}
	if o.SampleError > 0 {
		fmt.Printf("%s_nowcast_error_ratio %.2f ratio\n%s_nowcast_loud_error_ratio %.2f ratio\n", name, o.ErrorRatio(), name, o.LoudErrorRatio())
	}
}
