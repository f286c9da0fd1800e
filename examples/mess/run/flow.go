package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"spillway/examples/mess/product"
	"spillway/internal/hpa"
)

// pace is how much faster than real everything goes that would take minutes: Monitoring's samples and delays, and the
// autoscaler's clock.
const pace = 15

// The autoscaler of a flow. 40,000 messages a pod are 2,667 in a story told fifteen times as fast.
const (
	minReplicas = 1
	maxReplicas = 5
	perPod      = 40_000 / pace
)

func autoscaler() hpa.Spec {
	window := 5 * time.Minute
	return hpa.Spec{
		MinReplicas: minReplicas, MaxReplicas: maxReplicas, AverageValue: perPod * hpa.Unit,
		Behavior: &hpa.Behavior{ScaleDown: &hpa.Rules{
			StabilizationWindow: &window,
			Policies:            []hpa.Policy{{Type: hpa.Percent, Value: 20, Period: time.Minute}},
		}},
	}
}

// flow is one kind's workers and their autoscaler.
type flow struct {
	kind product.Kind
	// start starts a worker.
	start func(ctx context.Context, name string) (*process, error)
	// backlog is what the exporter says of the subscription.
	backlog func(ctx context.Context) (float64, error)

	mu      sync.Mutex
	workers []worker
	made    int
	wait    sync.WaitGroup
	failed  chan error // capacity 1

	replicas, most atomic.Int32
}

type worker struct {
	place *place
	stop  context.CancelFunc
}

// run scales the workers until ctx is done, and then waits until all have ended.
func (f *flow) run(ctx context.Context) error {
	controller, err := hpa.New(autoscaler())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer f.wait.Wait()
	defer cancel()
	f.scale(ctx, minReplicas)
	ticker := time.NewTicker(hpa.SyncPeriod / pace)
	defer ticker.Stop()
	for begin := time.Now(); ; {
		select {
		case <-ctx.Done():
			f.wait.Wait()
			return f.failure()
		case err := <-f.failed:
			return err
		case now := <-ticker.C:
			f.sync(ctx, controller, begin.Add(pace*now.Sub(begin)))
		}
	}
}

// sync is one turn of the autoscaler.
func (f *flow) sync(ctx context.Context, controller *hpa.Controller, now time.Time) {
	backlog, err := f.backlog(ctx)
	metric := hpa.Metric{Err: err}
	if err == nil {
		metric = hpa.Value(hpa.Milli(backlog * float64(hpa.Unit)))
	}
	have := f.replicas.Load()
	if d := controller.Sync(now, have, have, metric); d.Rescale {
		f.scale(ctx, d.Desired)
	}
}

// failure is why a worker could not be started or stopped.
func (f *flow) failure() error {
	select {
	case err := <-f.failed:
		return err
	default:
		return nil
	}
}

// scale makes n workers of what there are. The newest go first, as those of a ReplicaSet do.
func (f *flow) scale(ctx context.Context, n int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.workers) < int(n) {
		f.made++
		name := fmt.Sprintf("worker-%s-%d", f.kind, f.made)
		own, stop := context.WithCancel(ctx)
		w := worker{place: &place{}, stop: stop}
		f.workers = append(f.workers, w)
		f.wait.Go(func() { f.keep(own, w.place, name) })
	}
	for len(f.workers) > int(n) {
		f.workers[len(f.workers)-1].stop()
		f.workers = f.workers[:len(f.workers)-1]
	}
	f.replicas.Store(n)
	f.most.Store(max(f.most.Load(), n))
}

func (f *flow) keep(ctx context.Context, p *place, name string) {
	err := p.keep(ctx, func(ctx context.Context, n int) (*process, error) { return f.start(ctx, fmt.Sprintf("%s.%d", name, n)) })
	if err != nil {
		select {
		case f.failed <- fmt.Errorf("%s: %w", name, err):
		default:
		}
	}
}

// crash kills one of the workers, and reports whether there was one.
func (f *flow) crash(rnd *rand.Rand) bool {
	f.mu.Lock()
	p := f.workers[rnd.IntN(len(f.workers))].place
	f.mu.Unlock()
	return p.crash()
}
