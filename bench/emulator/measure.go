package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"spillway/bench/run"
)

// sample is how many messages a figure for a small backlog is taken over, at least.
const sample = 200_000

// slices of a backlog of 100k are consumed from both emulators in turns.
const (
	besideWaiting = 100_000
	besideSlice   = 10_000
)

// size is a backlog that is measured.
type size struct {
	name    string
	waiting int
}

// sizes are all backlogs; the largest is the last.
func (b *bench) sizes() []size {
	return []size{{"1k", 1_000}, {"10k", 10_000}, {"100k", 100_000}, {"1m", b.large}}
}

func streamRow(name string) string { return "emulator_stream_msgs_per_second_" + name }

// measureSmall takes the rates at small backlogs, then those beside the official emulator.
func (b *bench) measureSmall(ctx context.Context) (err error) {
	ours, err := run.StartSpillway(ctx, b.binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()
	sizes := b.sizes()
	for _, size := range sizes[:len(sizes)-1] {
		q, err := run.NewQueue(ctx, ours.Conn, "waiting-"+size.name)
		if err != nil {
			return err
		}
		if err := b.measureRate(ctx, ours, q, size.name, size.waiting); err != nil {
			return err
		}
	}
	return b.measureBeside(ctx, ours)
}

// measureRate fills and drains a queue until enough messages have passed, for each round.
func (b *bench) measureRate(ctx context.Context, p *run.Server, q *run.Queue, name string, waiting int) error {
	var rates, costs []float64
	for range b.rounds {
		var took, used time.Duration
		messages := 0
		for messages < sample {
			if _, err := q.Fill(ctx, waiting); err != nil {
				return err
			}
			d, c, err := timedDrain(ctx, p, q, waiting)
			if err != nil {
				return err
			}
			took += d
			used += c
			messages += waiting
		}
		rates = append(rates, float64(messages)/took.Seconds())
		costs = append(costs, float64(used.Nanoseconds())/float64(messages))
	}
	b.add(streamRow(name), run.Median(rates), "msgs/s")
	b.add("emulator_stream_cpu_per_msg_"+name, run.Median(costs), "ns")
	return nil
}

// timedDrain drains all that waits and returns the time until every ack was applied and the server's processor time.
func timedDrain(ctx context.Context, p *run.Server, q *run.Queue, n int) (took, used time.Duration, err error) {
	before, err := p.CPU()
	if err != nil {
		return 0, 0, err
	}
	got, _, took, err := drain(ctx, q, n)
	if err != nil {
		return 0, 0, err
	}
	if got != n {
		return 0, 0, fmt.Errorf("%d messages came, want %d", got, n)
	}
	after, err := p.CPU()
	return took, after - before, err
}

// measureBeside consumes slices of 100k waiting messages from both emulators in turns.
func (b *bench) measureBeside(ctx context.Context, ours *run.Server) (err error) {
	official, err := startOfficial(ctx)
	if errors.Is(err, errNoOfficial) {
		fmt.Fprintf(b.out, "SKIP-VISIBLE: no figures beside the official emulator: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, official.Close()) }()
	var queues [2]*run.Queue
	for i, p := range []*run.Server{ours, official} {
		if queues[i], err = run.NewQueue(ctx, p.Conn, "beside"); err != nil {
			return err
		}
		if _, err := queues[i].Fill(ctx, besideWaiting); err != nil {
			return err
		}
	}
	var rates [2][]float64
	for range b.rounds {
		for i, q := range queues {
			got, sent, _, err := drain(ctx, q, besideSlice)
			if err != nil {
				return err
			}
			rates[i] = append(rates[i], float64(got)/sent.Seconds())
		}
	}
	b.add("official_stream_msgs_per_second_100k", run.Median(rates[1]), "msgs/s")
	b.add("emulator_vs_official_stream_ratio_100k", run.Median(rates[0])/run.Median(rates[1]), "ratio")
	return nil
}

// measureLarge fills and drains the largest backlog in a fresh process for each round, and looks at its memory.
func (b *bench) measureLarge(ctx context.Context) error {
	figures := map[string][]float64{}
	for range b.rounds {
		if err := b.largeRound(ctx, figures); err != nil {
			return err
		}
	}
	for _, row := range []run.Row{
		{Name: streamRow("1m"), Unit: "msgs/s"},
		{Name: "emulator_stream_cpu_per_msg_1m", Unit: "ns"},
		{Name: "emulator_publish_msgs_per_second", Unit: "msgs/s"},
		{Name: "emulator_rss_bytes_per_message", Unit: "bytes"},
		{Name: "emulator_rss_over_payload", Unit: "bytes"},
		{Name: "emulator_rss_after_drain", Unit: "bytes"},
	} {
		b.add(row.Name, run.Median(figures[row.Name]), row.Unit)
	}
	return nil
}

// settle is how long the server has after a drain until its memory counts.
const settle = 3 * time.Second

func (b *bench) largeRound(ctx context.Context, figures map[string][]float64) (err error) {
	p, err := run.StartSpillway(ctx, b.binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	q, err := run.NewQueue(ctx, p.Conn, "large")
	if err != nil {
		return err
	}
	note := func(name string, value float64) { figures[name] = append(figures[name], value) }
	published, err := q.Fill(ctx, b.large)
	if err != nil {
		return err
	}
	full, err := p.Resident()
	if err != nil {
		return err
	}
	took, used, err := timedDrain(ctx, p, q, b.large)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settle):
	}
	drained, err := p.Resident()
	n := float64(b.large)
	note("emulator_publish_msgs_per_second", n/published.Seconds())
	note("emulator_rss_bytes_per_message", full/n)
	note("emulator_rss_over_payload", full/n-run.Payload)
	note(streamRow("1m"), n/took.Seconds())
	note("emulator_stream_cpu_per_msg_1m", float64(used.Nanoseconds())/n)
	note("emulator_rss_after_drain", drained)
	fmt.Fprintf(b.out, "published %.0f msgs/s, %.0f bytes resident per message, drained %.0f msgs/s, %.0f MB left\n",
		n/published.Seconds(), full/n, n/took.Seconds(), drained/1e6)
	return err
}
