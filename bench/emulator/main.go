// Command emulator measures `spillway emulator`, which runs as a process of its own, and the official emulator beside it.
// Its last lines are rows: name, value, unit.
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
	binary := flag.String("binary", "bin/spillway", "the program under test")
	rounds := flag.Int("rounds", 5, "how often each figure is taken; the median counts")
	large := flag.Int("messages", 1_000_000, "the largest backlog, in messages")
	bound := flag.Duration("bound", 290*time.Second, "how long everything may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, *bound)
	b := &bench{out: os.Stdout, binary: *binary, rounds: *rounds, large: *large}
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
	out           io.Writer // progress and rows
	binary        string
	rounds, large int
	rows          run.Rows
}

func (b *bench) run(ctx context.Context) error {
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"small backlogs, the official emulator beside them", b.measureSmall},
		{"the largest backlog", b.measureLarge},
		{"an open stream in front of each backlog, in turns", b.measureFlatness},
	} {
		fmt.Fprintf(b.out, "=== %s\n", step.name)
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// add keeps a figure for the rows and shows it as progress.
func (b *bench) add(name string, value float64, unit string) {
	b.rows = append(b.rows, run.Row{Name: name, Value: value, Unit: unit})
	fmt.Fprintf(b.out, "%s %.4g %s\n", name, value, unit)
}
