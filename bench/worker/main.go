// Command worker measures what a consumed message costs through the whole worker, with its shipped defaults, beside programs
// on the official client, Watermill and the Go CDK, and beside the receive engine alone. They take turns in each round, the
// server is another process, and a message counts when the server has its ack. The last lines are rows: name, value, unit.
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
	programs := flag.String("programs", "bin", "directory of worker and spillway")
	peers := flag.String("peers", "bin/bench", "directory of the programs below bench/worker")
	rounds := flag.Int("rounds", 5, "how often each figure is taken; the median counts")
	scale := flag.Float64("scale", 1, "multiplies how many messages a figure is taken over")
	bound := flag.Duration("bound", 270*time.Second, "no round begins that would end later than this")
	profiles := flag.String("profiles", "", "write profiles of the worker into this directory, and measure nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	b := &bench{
		out: os.Stdout, programs: *programs, peers: *peers, rounds: *rounds, scale: *scale, bound: *bound,
		figures: map[string]figure{}, startup: map[string]result{},
	}
	err := b.run(ctx, *profiles)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "measuring:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	out             io.Writer // progress and rows
	programs, peers string
	rounds          int
	scale           float64
	bound           time.Duration

	batch100, batch1 *run.Server // by how many messages their responses hold
	queues           int         // made so far
	startup          map[string]result
	figures          map[string]figure
}

func (b *bench) run(ctx context.Context, profiles string) (err error) {
	if b.batch100, err = b.startServer(ctx, 100); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.batch100.Close()) }()
	if b.batch1, err = b.startServer(ctx, 1); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.batch1.Close()) }()
	if profiles != "" {
		return b.profile(ctx, profiles)
	}
	if err := b.measureStartup(ctx); err != nil {
		return err
	}
	if err := b.allRounds(ctx); err != nil {
		return err
	}
	b.rows().Write(b.out)
	return nil
}

// startServer runs the emulator as a process. The consumers' processor time is what counts, so it may have what it needs.
func (b *bench) startServer(ctx context.Context, messages int) (*run.Server, error) {
	return run.StartSpillway(ctx, b.programs+"/spillway", fmt.Sprintf("--max-response-messages=%d", messages))
}

// allRounds stops early when the next round would not fit into the bound.
func (b *bench) allRounds(ctx context.Context) error {
	begin := time.Now()
	var longest time.Duration
	for i := range b.rounds {
		if time.Since(begin)+longest > b.bound {
			fmt.Fprintf(b.out, "%d of %d rounds fit into %s\n", i, b.rounds, b.bound)
			break
		}
		fmt.Fprintf(b.out, "=== round %d of %d\n", i+1, b.rounds)
		started := time.Now()
		if err := errors.Join(b.round(ctx), b.pushRound(ctx)); err != nil {
			return err
		}
		longest = max(longest, time.Since(started))
	}
	return nil
}
