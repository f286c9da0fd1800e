package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// sample is how many messages a figure for a small backlog is taken over, at least.
const sample = 200_000

// slices of a backlog of 100k are consumed from both emulators in turns.
const (
	besideWaiting = 100_000
	besideSlice   = 10_000
)

func streamRow(name string) string { return "emulator_stream_msgs_per_second_" + name }

// measureSmall takes the rates at small backlogs, then those beside the official emulator.
func (b *bench) measureSmall(ctx context.Context) (err error) {
	ours, err := startSpillway(ctx, b.binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	for _, size := range []struct {
		name    string
		waiting int
	}{{"1k", 1_000}, {"10k", 10_000}, {"100k", 100_000}} {
		q, err := newQueue(ctx, ours.conn, "waiting-"+size.name)
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
func (b *bench) measureRate(ctx context.Context, p *process, q *queue, name string, waiting int) error {
	var rates, costs []float64
	for range b.rounds {
		var took, used time.Duration
		messages := 0
		for messages < sample {
			if _, err := q.fill(ctx, waiting); err != nil {
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
	b.add(streamRow(name), median(rates), "msgs/s")
	b.add("emulator_stream_cpu_per_msg_"+name, median(costs), "ns")
	return nil
}

// timedDrain drains all that waits and returns the time until every ack was applied and the server's processor time.
func timedDrain(ctx context.Context, p *process, q *queue, n int) (took, used time.Duration, err error) {
	before, err := p.cpu()
	if err != nil {
		return 0, 0, err
	}
	got, _, took, err := q.drain(ctx, n)
	if err != nil {
		return 0, 0, err
	}
	if got != n {
		return 0, 0, fmt.Errorf("%d messages came, want %d", got, n)
	}
	after, err := p.cpu()
	return took, after - before, err
}

// measureBeside consumes slices of 100k waiting messages from both emulators in turns.
func (b *bench) measureBeside(ctx context.Context, ours *process) (err error) {
	official, err := startOfficial(ctx)
	if errors.Is(err, errNoOfficial) {
		fmt.Fprintf(b.out, "SKIP-VISIBLE: no figures beside the official emulator: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, official.stop()) }()
	var queues [2]*queue
	for i, p := range []*process{ours, official} {
		if queues[i], err = newQueue(ctx, p.conn, "beside"); err != nil {
			return err
		}
		if _, err := queues[i].fill(ctx, besideWaiting); err != nil {
			return err
		}
	}
	var rates [2][]float64
	for range b.rounds {
		for i, q := range queues {
			got, sent, _, err := q.drain(ctx, besideSlice)
			if err != nil {
				return err
			}
			rates[i] = append(rates[i], float64(got)/sent.Seconds())
		}
	}
	b.add("official_stream_msgs_per_second_100k", median(rates[1]), "msgs/s")
	b.add("emulator_vs_official_stream_ratio_100k", median(rates[0])/median(rates[1]), "ratio")
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
	for _, row := range []row{
		{streamRow("1m"), 0, "msgs/s"},
		{"emulator_stream_cpu_per_msg_1m", 0, "ns"},
		{"emulator_publish_msgs_per_second", 0, "msgs/s"},
		{"emulator_rss_bytes_per_message", 0, "bytes"},
		{"emulator_rss_over_payload", 0, "bytes"},
		{"emulator_rss_after_drain", 0, "bytes"},
	} {
		b.add(row.name, median(figures[row.name]), row.unit)
	}
	return nil
}

// settle is how long the server has after a drain until its memory counts.
const settle = 3 * time.Second

func (b *bench) largeRound(ctx context.Context, figures map[string][]float64) (err error) {
	p, err := startSpillway(ctx, b.binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	q, err := newQueue(ctx, p.conn, "large")
	if err != nil {
		return err
	}
	note := func(name string, value float64) { figures[name] = append(figures[name], value) }
	published, err := q.fill(ctx, b.large)
	if err != nil {
		return err
	}
	full, err := p.resident()
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
	drained, err := p.resident()
	n := float64(b.large)
	note("emulator_publish_msgs_per_second", n/published.Seconds())
	note("emulator_rss_bytes_per_message", full/n)
	note("emulator_rss_over_payload", full/n-payload)
	note(streamRow("1m"), n/took.Seconds())
	note("emulator_stream_cpu_per_msg_1m", float64(used.Nanoseconds())/n)
	note("emulator_rss_after_drain", drained)
	fmt.Fprintf(b.out, "published %.0f msgs/s, %.0f bytes resident per message, drained %.0f msgs/s, %.0f MB left\n",
		n/published.Seconds(), full/n, n/took.Seconds(), drained/1e6)
	return err
}

// addFlatness adds by how much the stream is slower at a larger backlog than at any smaller one: 1 is flat. A small backlog
// may be slower, since opening the stream and the last ack's way are a large part of its few milliseconds.
func (b *bench) addFlatness() {
	fastest, flatness := 0.0, 1.0
	for _, name := range []string{"1k", "10k", "100k", "1m"} {
		rate := b.rows.value(streamRow(name))
		fastest = max(fastest, rate)
		flatness = min(flatness, rate/fastest)
	}
	b.add("emulator_stream_flatness_1k_to_1m", flatness, "ratio")
}
