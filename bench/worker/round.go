package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"spillway/bench/run"
)

// window is what every consumer may have outstanding where costs are compared: so many that the official client, whose acks
// leave every 100 ms, does not wait for them.
const window = 10_000

// scenario is a load on a server, with the programs that take turns at it.
type scenario struct {
	name     string
	server   *run.Server
	load     load
	messages int
	programs []program
	// slow programs get a part of the messages, so that they take about as long.
	slow map[string]int
}

func (b *bench) shipped() program { return worker(filepath.Join(b.programs, "worker")) }

func (b *bench) scenarios() []scenario {
	official := b.peer("official")
	return []scenario{
		{
			name: "batch100", server: b.batch100, load: load{outstanding: window}, messages: 300_000,
			programs: []program{b.shipped(), official, b.peer("watermill"), b.peer("gocloud"), b.peer("engine")},
		},
		{
			name: "batch1", server: b.batch1, load: load{outstanding: window}, messages: 150_000,
			programs: []program{b.shipped(), official, b.peer("engine")},
		},
		{
			name: "concurrency_100", server: b.batch100, load: load{outstanding: 110}, messages: 100_000,
			programs: []program{b.shipped()},
		},
		{
			name: "10ms_1000", server: b.batch100, load: load{outstanding: 1000, work: 10 * time.Millisecond}, messages: 160_000,
			programs: []program{b.shipped(), official}, slow: map[string]int{"official": 4},
		},
		{
			name: "10k_outstanding", server: b.batch100, load: load{outstanding: window, work: 500 * time.Millisecond}, messages: 40_000,
			programs: []program{b.shipped(), official},
		},
	}
}

// measureStartup takes what each program costs before its first message, which is no part of a message's cost.
func (b *bench) measureStartup(ctx context.Context) error {
	fmt.Fprintln(b.out, "=== starting, with nothing to consume")
	for _, p := range b.scenarios()[0].programs {
		r, err := b.measure(ctx, b.batch100, p, load{outstanding: window}, 0)
		if err != nil {
			return err
		}
		b.startup[p.name] = r
	}
	return nil
}

// round lets every program have its turn at every scenario.
func (b *bench) round(ctx context.Context) error {
	for _, s := range b.scenarios() {
		fmt.Fprintf(b.out, "--- %s\n", s.name)
		for _, p := range s.programs {
			n := int(b.scale*float64(s.messages/max(1, s.slow[p.name]))) / run.Batch * run.Batch
			r, err := b.measure(ctx, s.server, p, s.load, max(run.Batch, n))
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			b.note(s.name, p.name, r.less(b.startup[p.name]))
		}
	}
	return b.measureTarget(ctx)
}

// profile lets the worker write profiles of its processor time and of its allocations.
func (b *bench) profile(ctx context.Context, directory string) error {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return fmt.Errorf("finding the directory: %w", err)
	}
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return fmt.Errorf("making the directory: %w", err)
	}
	for _, s := range b.scenarios()[:2] {
		for _, kind := range []string{"cpu", "alloc"} {
			file := filepath.Join(directory, kind+"-"+s.name)
			p := worker(filepath.Join(b.peers, "profiled"), fmt.Sprintf("--%s-profile=%s", kind, file))
			p.graceful = true
			if _, err := b.measure(ctx, s.server, p, s.load, 2*s.messages); err != nil {
				return err
			}
			fmt.Fprintln(b.out, "wrote", file)
		}
	}
	return nil
}
