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
