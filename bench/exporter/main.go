// Command exporter measures what backlog-exporter costs, beside stackdriver_exporter and beside the generated client alone,
// all against `spillway emulator` as a process of its own. The last lines are rows: name, value, unit.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"spillway/bench/run"
)

func main() {
	programs := flag.String("programs", "bin", "directory of backlog-exporter and spillway")
	peers := flag.String("peers", "bin/bench", "directory of the programs below bench/exporter/peers")
	window := flag.Duration("window", 3*time.Minute, "how long both exporters are scraped every 15 s")
	rounds := flag.Int("rounds", 3, "how often a poll is compared; the median counts")
	bound := flag.Duration("bound", 295*time.Second, "how long everything may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, *bound)
	b := &bench{out: os.Stdout, programs: *programs, peers: *peers, window: *window, rounds: *rounds}
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
	out             io.Writer // progress and rows
	programs, peers string
	window          time.Duration
	rounds          int
	rows            run.Rows
	together        *together
}

// What is read: the four default metrics of the exporter, and a fifth because stackdriver_exporter chooses by prefix.
const (
	project = "shop"
	service = "pubsub.googleapis.com/subscription/"
	few     = 1_000
	lots    = 10_000
)

func metricNames() []string {
	return []string{
		"num_undelivered_messages", "oldest_unacked_message_age", "oldest_unacked_message_age_by_region", "num_unacked_messages_by_region",
		"ack_message_count",
	}
}

func (b *bench) run(ctx context.Context) (err error) {
	// Samples come once a minute, as in life, and can be seen at once, which they cannot: the time in which they could not
	// would be added to the run.
	small, err := b.server(ctx, few, "--visibility-delay=-1ns")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, small.Close()) }()
	// They begin now, so that the first polls, which look back, are over when their cost is taken.
	if b.together, err = b.startTogether(ctx, small); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.together.kill()) }()
	for _, step := range []struct {
		name string
		run  func(context.Context, *run.Server) error
	}{
		{"10,000 subscriptions, six times as fast as life", b.measureLarge},
		{"one poll of 1,000 subscriptions, in turns with the others", b.comparePolls},
		{"both scraped every 15 s", b.compareScrapes},
	} {
		fmt.Fprintf(b.out, "=== %s\n", step.name)
		if err := step.run(ctx, small); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func (b *bench) row(name string, value float64, unit string) {
	b.rows = append(b.rows, run.Row{Name: name, Value: value, Unit: unit})
}
