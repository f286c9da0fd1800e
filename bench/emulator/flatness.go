package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"

	"spillway/bench/run"
)

// lot is how many messages one stream holds, and how many flow in a turn.
const lot = run.Batch

// held is an emulator with a backlog and one open stream, whose flow control is closed by a lot that it has not acknowledged.
type held struct {
	name   string
	server *run.Server
	queue  *run.Queue
	stream grpc.ClientStream
	acks   [][]byte // requests that acknowledge the lot
	took   time.Duration
	rates  []float64
}

func flatnessRow(name string) string { return "emulator_stream_open_msgs_per_second_" + name }

// measureFlatness takes the rate of an open stream in front of backlogs of four sizes. Each has a process of its own, and all
// take turns, so that what else the machine does falls on all of them.
func (b *bench) measureFlatness(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var backlogs []*held
	defer func() {
		for _, h := range backlogs {
			err = errors.Join(err, h.server.Close())
		}
	}()
	for _, size := range b.sizes() {
		h := &held{name: size.name}
		if h.server, err = run.StartSpillway(ctx, b.binary); err != nil {
			return err
		}
		backlogs = append(backlogs, h)
		if err := h.fill(ctx, size.waiting); err != nil {
			return err
		}
	}
	for range b.rounds {
		if err := takeTurns(ctx, backlogs); err != nil {
			return err
		}
	}
	for _, h := range backlogs {
		b.add(flatnessRow(h.name), run.Median(h.rates), "msgs/s")
	}
	b.addFlatness()
	return nil
}

// takeTurns gives each backlog turns until a sample has passed through each, and notes their rates.
func takeTurns(ctx context.Context, backlogs []*held) error {
	for _, h := range backlogs {
		h.took = 0
	}
	for i := range sample / lot {
		for j := range backlogs { // another one first each time
			if err := backlogs[(i+j)%len(backlogs)].turn(ctx); err != nil {
				return err
			}
		}
	}
	for _, h := range backlogs {
		h.rates = append(h.rates, sample/h.took.Seconds())
	}
	return nil
}

// fill opens the stream, lets it take its first lot, and leaves all but a lot of what is to wait behind it.
func (h *held) fill(ctx context.Context, waiting int) (err error) {
	if h.queue, err = run.NewQueue(ctx, h.server.Conn, "held"); err != nil {
		return err
	}
	if h.stream, err = open(ctx, h.queue, lot); err != nil {
		return err
	}
	if _, err := h.queue.Fill(ctx, waiting); err != nil {
		return err
	}
	return h.receive()
}

// turn makes the backlog complete, acknowledges the lot that is held, and receives the next one. The last of it comes when the
// last ack has been applied, because the stream's flow control lets it through then and not before.
func (h *held) turn(ctx context.Context) error {
	if _, err := h.queue.Fill(ctx, lot); err != nil {
		return err
	}
	begin := time.Now()
	for _, request := range h.acks {
		if err := h.stream.SendMsg(&run.Raw{Bytes: request}); err != nil {
			return fmt.Errorf("acknowledging: %w", err)
		}
	}
	err := h.receive()
	h.took += time.Since(begin)
	return err
}

// receive takes a lot and keeps the requests that acknowledge it.
func (h *held) receive() error {
	h.acks = h.acks[:0]
	var in run.Raw
	for got := 0; got < lot; {
		if err := h.stream.RecvMsg(&in); err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		request, n, err := acknowledge(in.Bytes)
		if err != nil {
			return err
		}
		h.acks = append(h.acks, request)
		if got += n; got > lot {
			return fmt.Errorf("flow control let %d messages through, not %d", got, lot)
		}
	}
	return nil
}

// addFlatness adds the slowest rate of an open stream by the fastest, 1 being flat, and the same of whole drains. In a drain of
// two responses hardly anything happens at the same time, so the latter compares different work.
func (b *bench) addFlatness() {
	b.add("emulator_stream_flatness_1k_to_1m", b.slowestToFastest(flatnessRow), "ratio")
	b.add("emulator_drain_slowest_to_fastest", b.slowestToFastest(streamRow), "ratio")
}

func (b *bench) slowestToFastest(row func(string) string) float64 {
	var rates []float64
	for _, size := range b.sizes() {
		rates = append(rates, b.rows.Value(row(size.name)))
	}
	return slices.Min(rates) / slices.Max(rates)
}
