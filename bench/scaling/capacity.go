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
	scrapePeriod = time.Second
	calm         = 15 * time.Second // at half the rate
	saturated    = 25 * time.Second
	settling     = 5 * time.Second // of the saturated time before the truth is taken
)

// measureCapacity holds what is learned of a real worker's series against what the server's acks say it reaches.
func (b *bench) measureCapacity(ctx context.Context) (err error) {
	server, err := run.StartSpillway(ctx, b.programs+"/spillway")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	most := 0.0
	for _, l := range loads() {
		off, err := b.oneCapacity(ctx, server, l)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		most = max(most, off)
	}
	b.add("capacity_error_percent", most, "%")
	return nil
}

// oneCapacity returns by how many percent what is learned differs from the truth.
func (b *bench) oneCapacity(ctx context.Context, server *run.Server, l load) (off float64, err error) {
	queue, err := run.NewQueue(ctx, server.Conn, strings.ReplaceAll(l.name, "_", "-"))
	if err != nil {
		return 0, err
	}
	meter, stop, err := b.startWorker(ctx, server, queue, l)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	publisher, err := run.Start(ctx, run.Command{
		Path: b.programs + "/spillway", Env: []string{"PUBSUB_EMULATOR_HOST=" + server.Address}, Stdout: io.Discard, Stderr: io.Discard,
		Args: []string{"load", "--topic=" + queue.Topic(), "--rate=" + strconv.Itoa(l.rate/2), "--for=" + calm.String()},
	})
	if err != nil {
		return 0, err
	}
	if err := meter.Watch(ctx, calm, scrapePeriod); err != nil {
		return 0, errors.Join(err, publisher.Kill())
	}
	half, by, err := meter.Capacity()
	if err := errors.Join(err, publisher.Stop()); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	if _, err := queue.Fill(ctx, (l.rate*2*int(saturated/time.Second)/run.Batch+1)*run.Batch); err != nil {
		return 0, err
	}
	truth, err := b.saturate(ctx, server, queue, meter)
	if err != nil {
		return 0, err
	}
	learned, after, err := meter.Capacity()
	if err != nil {
		return 0, err
	}
	off = 100 * math.Abs(learned-truth) / truth
	b.add("capacity_"+l.name+"_reached", truth, "1/s")
	b.add("capacity_error_percent_"+l.name, off, "%")
	b.add("capacity_error_percent_"+l.name+"_at_half_load", 100*math.Abs(half-truth)/truth, "%")
	fmt.Fprintf(b.out, "%s: %.1f/s by %s at half load, %.1f/s by %s when saturated, %.1f/s by the server\n", l.name, half, by, learned, after, truth)
	return off, nil
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
