package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2"

	"spillway/internal/backlog"
)

// tally counts what happens, shows it, and says at the end whether it is right.
type tally struct {
	plan  plan
	stage *stage
	out   io.Writer
	begin time.Time

	published                 atomic.Int64
	allPublished              atomic.Bool
	killedWorkers, killedApps atomic.Int64
	dead                      int
	settled                   time.Duration
}

// watch shows a line every two seconds until every product is at the Content API as it should be, and nothing waits.
func (t *tally) watch(ctx context.Context) error {
	fmt.Fprintf(t.out, "%7s %10s %9s %10s %8s  %s\n", "seconds", "published", "waiting", "products", "newest", "workers of offer, content, image")
	ticker := time.NewTicker(2 * time.Second)
	defer ticker.Stop()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		waiting, err := t.waiting(ctx)
		if err != nil {
			return err
		}
		all, newest := t.stage.api.Newest(t.plan.version)
		var workers []string
		for _, f := range t.stage.flows {
			workers = append(workers, strconv.Itoa(int(f.replicas.Load())))
		}
		fmt.Fprintf(t.out, "%7.0f %10d %9.0f %10d %8d  %s\n", time.Since(t.begin).Seconds(), t.published.Load(), waiting, all, newest, strings.Join(workers, " "))
		if !t.allPublished.Load() {
			last = time.Now()
			continue
		}
		if waiting == 0 && all == t.plan.products && newest == all {
			t.settled = time.Since(t.begin)
			return nil
		}
		if time.Since(last) > settleLimit {
			return fmt.Errorf("not all has arrived %s after the last message: %.0f messages wait, %d products of %d are there, %d of them newest",
				settleLimit, waiting, all, t.plan.products, newest)
		}
	}
}

// waiting asks the emulator how many messages are not acked.
func (t *tally) waiting(ctx context.Context) (float64, error) {
	var all float64
	for _, f := range t.stage.flows {
		v, err := t.stage.read(ctx, t.stage.emulator.address, "emulator_subscription_backlog_messages", string(f.kind))
		if err != nil {
			return 0, fmt.Errorf("asking the emulator: %w", err)
		}
		all += v
	}
	return all, nil
}

// deadLimit bounds the wait for dead letters, which were all published before the last message was acked.
const deadLimit = 10 * time.Second

// countDead counts the dead letters' distinct messages: a worker that is killed between publishing one and acking its
// message leaves it to the next worker.
func (t *tally) countDead(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deadLimit)
	defer cancel()
	seen := make(chan string, 100)
	origins := map[string]bool{}
	received := make(chan error, 1)
	go func() {
		received <- t.stage.client.Subscriber(dead).Receive(ctx, func(ctx context.Context, m *pubsub.Message) {
			select {
			case seen <- m.Attributes[backlog.LetterMessageID]:
				m.Ack()
			case <-ctx.Done():
				m.Nack()
			}
		})
	}()
	for len(origins) < t.plan.useless {
		select {
		case id := <-seen:
			origins[id] = true
		case <-ctx.Done():
			cancel()
			t.dead = len(origins)
			return <-received
		}
	}
	t.dead = len(origins)
	cancel()
	return <-received
}

// verdict says what was proven, or what was not.
func (t *tally) verdict() error {
	counts, faults := t.stage.api.Counts()
	all, newest := t.stage.api.Newest(t.plan.version)
	var most []string
	for _, f := range t.stage.flows {
		most = append(most, fmt.Sprintf("%s 1 to %d", f.kind, f.most.Load()))
	}
	fmt.Fprintf(t.out, `
published       %d messages in %s: %d updates of %d products, %d of them twice, %d no updates
killed          %d workers, the app %d times
workers         %s
Content API     %d requests, %d of them failed; %d products taken, %d repeated, %d faults
dead letters    %d of %d
products        %d of %d complete, %d newest, after %s
`, len(t.plan.messages), t.stage.lasting, len(t.plan.messages)-t.plan.repeated-t.plan.useless, t.plan.products, t.plan.repeated, t.plan.useless,
		t.killedWorkers.Load(), t.killedApps.Load(), strings.Join(most, ", "),
		counts.Requests, counts.Failed, counts.Taken, counts.Repeated, counts.Faults,
		t.dead, t.plan.useless, all, t.plan.products, newest, t.settled.Round(time.Second))
	var errs []error
	for _, fault := range faults {
		errs = append(errs, errors.New(fault))
	}
	if all != t.plan.products || newest != all {
		errs = append(errs, fmt.Errorf("%d products of %d are there, %d of them newest", all, t.plan.products, newest))
	}
	if t.dead != t.plan.useless {
		errs = append(errs, fmt.Errorf("%d dead letters, want %d", t.dead, t.plan.useless))
	}
	return errors.Join(errs...)
}
