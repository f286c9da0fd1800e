package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"golang.org/x/sync/errgroup"

	"spillway/examples/mess/product"
)

// settleLimit bounds the time from the last publish until everything is where it belongs.
const settleLimit = 3 * time.Minute

// play runs the whole example and returns an error unless everything is proven.
func play(ctx context.Context, s settings, out io.Writer) error {
	p := newPlan(s.updates, s.products, s.seed)
	st, err := raise(ctx, s)
	if err != nil {
		return err
	}
	t := &tally{plan: p, stage: st, out: out}
	err = st.perform(ctx, t)
	if err = errors.Join(err, st.strike()); err != nil {
		return err
	}
	return t.verdict()
}

// perform runs the app and the flows while everything is published and until it has arrived.
func (s *stage) perform(ctx context.Context, t *tally) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	for _, kind := range product.Kinds() {
		s.flows = append(s.flows, &flow{
			kind: kind, start: s.startWorker(kind, address), failed: make(chan error, 1),
			backlog: func(ctx context.Context) (float64, error) {
				return s.read(ctx, s.exporter.address, "pubsub_subscription_num_undelivered_messages", string(kind))
			},
		})
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	group, running := errgroup.WithContext(running)
	// The app outlives the workers, whose last messages it takes.
	appRuns, stopApp := context.WithCancel(context.WithoutCancel(ctx))
	defer stopApp()
	app := make(chan error, 1)
	go func() { app <- s.app.keep(appRuns, s.startApp(address)) }()
	for _, f := range s.flows {
		group.Go(func() error { return f.run(running) })
	}
	group.Go(func() error {
		defer stop()
		return s.story(running, t)
	})
	err = group.Wait()
	stopApp()
	return errors.Join(err, <-app)
}

// story publishes, kills, and waits until all has arrived.
func (s *stage) story(ctx context.Context, t *tally) error {
	t.begin = time.Now()
	chaos, peace := context.WithCancel(ctx)
	group, own := errgroup.WithContext(ctx)
	group.Go(func() error { s.kill(chaos, t); return nil })
	group.Go(func() error { return t.watch(own) })
	group.Go(func() error {
		defer peace()
		return s.publish(own, t)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return t.countDead(ctx)
}

// tick is the time between two steps of publishing.
const tick = 50 * time.Millisecond

// publish publishes everything along the plan's curve; it is done when every message is confirmed.
func (s *stage) publish(ctx context.Context, t *tally) error {
	publishers := map[product.Kind]*pubsub.Publisher{}
	for _, kind := range product.Kinds() {
		publishers[kind] = s.client.Publisher(string(kind))
		defer publishers[kind].Stop()
	}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	results := make([]*pubsub.PublishResult, 0, len(t.plan.messages))
	for begin := time.Now(); len(results) < len(t.plan.messages); {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-ticker.C:
			for _, m := range t.plan.messages[len(results):t.plan.due(now.Sub(begin), s.lasting)] {
				results = append(results, publishers[m.kind].Publish(ctx, &pubsub.Message{Data: m.body}))
			}
			t.published.Store(int64(len(results)))
		}
	}
	for _, result := range results {
		if _, err := result.Get(ctx); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	t.allPublished.Store(true)
	return nil
}

// kill kills a worker every few seconds, and twice the app.
func (s *stage) kill(ctx context.Context, t *tally) {
	rnd := rand.New(rand.NewPCG(s.seed, 3)) //nolint:gosec // A run is to be repeatable.
	every := s.lasting / 15
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if n == 5 || n == 10 {
			if s.app.crash() {
				t.killedApps.Add(1)
			}
		} else if s.flows[n%len(s.flows)].crash(rnd) {
			t.killedWorkers.Add(1)
		}
	}
}
