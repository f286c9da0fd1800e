// Command scaling measures what the control law comes to: the policies over days with noise, with the shipped autoscaler's behavior and the code
// that runs in production; the capacity that is learned of real workers; and how fast the simulator and `spillway tune` are. The last lines are
// rows: name, value, unit.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"spillway/bench/run"
)

func main() {
	programs := flag.String("programs", "bin", "directory of worker and spillway")
	seeds := flag.Uint64("seeds", 5, "how many seeds; the worst of them counts. Bursts begin at every phase of the sample clock whatever the number, up to 60")
	bound := flag.Duration("bound", 290*time.Second, "how long everything may take")
	simulated := flag.Bool("simulated", false, "leave out what needs real programs")
	flag.Parse()
	if *seeds < 1 || *seeds > 60 {
		fmt.Fprintln(os.Stderr, "-seeds: give 1 to 60")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, *bound)
	b := &bench{out: os.Stdout, programs: *programs, seeds: *seeds, simulated: *simulated}
	err := b.run(ctx)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "measuring:", err)
		os.Exit(1)
	}
	b.rows.Write(b.out)
}

// bench is one run.
type bench struct {
	out       io.Writer // progress and rows
	programs  string
	seeds     uint64
	simulated bool
	rows      run.Rows
}

func (b *bench) run(ctx context.Context) error {
	steps := []struct {
		name string
		real bool
		run  func(context.Context) error
	}{
		{"the simulator's speed", false, b.measureSpeed},
		{"desired replicas", false, b.measureLaw},
		{"the peers", false, b.measurePeers},
		{"outages", false, b.measureOutages},
		{"the capacity of real workers", true, b.measureCapacity},
		{"spillway tune", true, b.measureTune},
	}
	for _, step := range steps {
		if step.real && b.simulated {
			continue
		}
		fmt.Fprintf(b.out, "=== %s\n", step.name)
		begin := time.Now()
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Fprintf(b.out, "%.1f s\n", time.Since(begin).Seconds())
	}
	return nil
}

// add keeps a figure for the rows and shows it as progress.
func (b *bench) add(name string, value float64, unit string) {
	b.rows = append(b.rows, run.Row{Name: name, Value: value, Unit: unit})
	fmt.Fprintf(b.out, "%s %.4g %s\n", name, value, unit)
}
