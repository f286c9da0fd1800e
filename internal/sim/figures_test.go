package sim_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"text/tabwriter"
	"time"

	"spillway/internal/sim"
)

var figures = flag.Int("figures", 0, "print the table of figures, with so many seeds") //nolint:gochecknoglobals // A flag.

// TestFigures prints what every policy comes to on every trace, the worst of the seeds: go test -run Figures -v -args -figures 5.
func TestFigures(t *testing.T) {
	if *figures == 0 {
		t.Skip("the figures were not asked for: -args -figures 5")
	}
	out := tabwriter.NewWriter(os.Stdout, 2, 0, 2, ' ', 0)
	fmt.Fprintln(out, "trace\tpolicy\tpod-h\tover floor\tslo min\tp50\tp99\tmax\tchanges\treversals\tright size\tshort s\terr\terr ratio\tloud err\tloud ratio\tms")
	for _, tr := range sim.Synthetic() {
		for _, p := range []sim.Policy{sim.OnDesired(), sim.OnDesiredRemote(200), sim.OnBacklog(40000), sim.OnBacklog(20000), sim.OnProcessor(50)} {
			var w sim.Outcome
			start := time.Now()
			for seed := range *figures {
				o, err := sim.Run(sim.DefaultSetup(tr, p, uint64(seed)))
				if err != nil {
					t.Fatal(err)
				}
				if seed == 0 {
					w = o
				}
				w = worst(w, o)
			}
			ms := time.Since(start).Milliseconds() / int64(*figures)
			fmt.Fprintf(out, "%s\t%s\t%.1f\t%.3f\t%.1f\t%.0f\t%.0f\t%.0f\t%d\t%d\t%d\t%d\t%.0f\t%.2f\t%.0f\t%.2f\t%d\n", tr.Name, p.Name, w.PodHours, w.OverFloor(), w.SLOMinutes,
				w.P50, w.P99, w.MaxAge, w.Changes, w.Reversals, w.RightSize, w.ShortSeconds, w.Error, w.ErrorRatio(), w.LoudError, w.LoudErrorRatio(), ms)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
}

// worst takes the worse of every figure.
func worst(a, b sim.Outcome) sim.Outcome {
	a.PodHours, a.SLOMinutes = max(a.PodHours, b.PodHours), max(a.SLOMinutes, b.SLOMinutes)
	a.P50, a.P99, a.MaxAge = max(a.P50, b.P50), max(a.P99, b.P99), max(a.MaxAge, b.MaxAge)
	a.Changes, a.Reversals = max(a.Changes, b.Changes), max(a.Reversals, b.Reversals)
	if b.RightSize < 0 || (a.RightSize >= 0 && b.RightSize > a.RightSize) {
		a.RightSize = b.RightSize
	}
	a.ShortSeconds = max(a.ShortSeconds, b.ShortSeconds)
	if b.ErrorRatio() > a.ErrorRatio() {
		a.Error, a.SampleError = b.Error, b.SampleError
	}
	if b.LoudErrorRatio() > a.LoudErrorRatio() {
		a.LoudError, a.LoudSampleError = b.LoudError, b.LoudSampleError
	}
	return a
}
