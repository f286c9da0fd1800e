package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"spillway/bench/run"
	"spillway/internal/tune"
)

// load is a kind of work with the rate that a pod is expected to reach about.
type load struct {
	name  string
	rate  int // messages a second, about
	flags []string
}

// loads are workers of one core (GOMAXPROCS=1): what waits, what computes, and both.
func loads() []load {
	return []load{
		{"io_bound", 200, []string{"--concurrency=10", "--work-duration=50ms"}},
		{"cpu_bound", 200, []string{"--concurrency=4", "--work-cpu=5ms"}},
		{"mixed", 180, []string{"--concurrency=10", "--work-duration=50ms", "--work-cpu=2ms"}},
	}
}

const (
	scrapePeriod = 5 * time.Second
	calm         = 15 * time.Second // at half the rate
	saturated    = 75 * time.Second // the law believes what was reached after 30 s of it
	settling     = 5 * time.Second  // of the saturated time before the truth is taken
)

// learned is what came of one worker, in messages a second.
type learned struct {
	half, after, truth float64
	halfBy, afterBy    string
}

// measureCapacity holds what is learned of real workers' series against what the server's acks say they reach. The workers run side by side, on one
// core each.
func (b *bench) measureCapacity(ctx context.Context) (err error) {
	server, err := run.StartSpillway(ctx, b.programs+"/spillway")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	all := loads()
	results, errs := make([]learned, len(all)), make([]error, len(all))
	var workers sync.WaitGroup
	for i, l := range all {
		workers.Go(func() { results[i], errs[i] = b.learn(ctx, server, l) })
	}
	workers.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	most := 0.0
	for i, r := range results {
		off := func(v float64) float64 { return 100 * math.Abs(v-r.truth) / r.truth }
		most = max(most, off(r.after))
		b.add("capacity_error_percent_"+all[i].name, off(r.after), "%")
		b.add("capacity_error_percent_"+all[i].name+"_at_half_load", off(r.half), "%")
		fmt.Fprintf(b.out, "%s: %.1f/s by %s at half load, %.1f/s by %s when saturated, %.1f/s by the server\n",
			all[i].name, r.half, r.halfBy, r.after, r.afterBy, r.truth)
	}
	b.add("capacity_error_percent", most, "%")
	return nil
}

// learn watches one worker at half its load and then saturated.
func (b *bench) learn(ctx context.Context, server *run.Server, l load) (out learned, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", l.name, err)
		}
	}()
	queue, err := run.NewQueue(ctx, server.Conn, strings.ReplaceAll(l.name, "_", "-"))
	if err != nil {
		return out, err
	}
	meter, stop, err := b.startWorker(ctx, server, queue, l)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	publisher, err := run.Start(ctx, run.Command{
		Path: b.programs + "/spillway", Env: []string{"PUBSUB_EMULATOR_HOST=" + server.Address}, Stdout: io.Discard, Stderr: io.Discard,
		Args: []string{"load", "--topic=" + queue.Topic(), "--rate=" + strconv.Itoa(l.rate/2), "--for=" + calm.String()},
	})
	if err != nil {
		return out, err
	}
	if err := meter.Watch(ctx, calm, scrapePeriod); err != nil {
		return out, errors.Join(err, publisher.Kill())
	}
	out.half, out.halfBy, err = meter.Capacity()
	if err := errors.Join(err, publisher.Wait(ctx)); err != nil {
		return out, err
	}
	if _, err := queue.Fill(ctx, (l.rate*2*int(saturated/time.Second)/run.Batch+1)*run.Batch); err != nil {
		return out, err
	}
	if out.truth, err = b.saturate(ctx, server, queue, meter); err != nil {
		return out, err
	}
	out.after, out.afterBy, err = meter.Capacity()
	return out, err
}

// saturate watches the worker work a backlog off and returns the rate of acks that the server has seen.
func (b *bench) saturate(ctx context.Context, server *run.Server, queue *run.Queue, meter *tune.Meter) (float64, error) {
	if err := meter.Watch(ctx, settling, scrapePeriod); err != nil {
		return 0, err
	}
	before, begin, err := acked(ctx, server, queue)
	if err != nil {
		return 0, err
	}
	if err := meter.Watch(ctx, saturated-settling, scrapePeriod); err != nil {
		return 0, err
	}
	after, end, err := acked(ctx, server, queue)
	if err != nil {
		return 0, err
	}
	return (after - before) / end.Sub(begin).Seconds(), nil
}

// acked is how many acks the server has had, by its own clock.
func acked(ctx context.Context, server *run.Server, queue *run.Queue) (float64, time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server.Address+"/admin/state", http.NoBody)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("asking the server: %w", err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("asking the server: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	var state struct {
		Time          time.Time
		Subscriptions []struct {
			Name           string
			Acked, Backlog float64
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&state); err != nil {
		return 0, time.Time{}, fmt.Errorf("reading the server's state: %w", err)
	}
	for _, s := range state.Subscriptions {
		if s.Name == queue.Subscription() {
			if s.Backlog == 0 {
				return 0, time.Time{}, errors.New("the backlog is worked off, so that the worker is not saturated")
			}
			return s.Acked, state.Time, nil
		}
	}
	return 0, time.Time{}, fmt.Errorf("the server does not know %s", queue.Subscription())
}

// startWorker runs the worker on one core until stop is called.
func (b *bench) startWorker(ctx context.Context, server *run.Server, queue *run.Queue, l load) (*tune.Meter, func() error, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, nil, err
	}
	worker, err := run.Start(ctx, run.Command{
		Path: b.programs + "/worker", Stderr: os.Stderr, Env: []string{"PUBSUB_EMULATOR_HOST=" + server.Address, "GOMAXPROCS=1"},
		Args: append([]string{"--subscription=" + queue.Subscription(), "--handler=work", "--listen=" + address, "--log-level=error"}, l.flags...),
	})
	if err != nil {
		return nil, nil, err
	}
	// The container's limit, which a worker without a container cannot know, is the one core that GOMAXPROCS leaves it.
	meter := &tune.Meter{URL: "http://" + address + "/metrics", Cores: 1, Client: http.DefaultClient}
	for range 100 {
		if err = meter.Scrape(ctx); err == nil {
			return meter, worker.Kill, nil // What is left of the backlog needs no drain.
		}
		select {
		case <-ctx.Done():
		case <-worker.Ended():
		case <-time.After(100 * time.Millisecond):
			continue
		}
		break
	}
	return nil, nil, errors.Join(err, ctx.Err(), worker.Kill())
}

func freeAddress(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}
