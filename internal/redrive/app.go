package redrive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	pubsub "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/config"
	"spillway/internal/lifecycle"
	"spillway/internal/load"
	"spillway/internal/pull"
	"spillway/internal/terminal"
)

const (
	// window is how many letters are under way at once.
	window = 500
	// windowBytes bounds their payloads.
	windowBytes = 100 << 20
	// opening is how long the stream may take to open.
	opening = 10 * time.Second
	// publishTimeout bounds one attempt to publish, and patience all attempts for one letter.
	publishTimeout = 15 * time.Second
	patience       = time.Minute
	// pause is the time between two attempts.
	pause = time.Second
)

// App is one run. Make it with New, run it once with Run.
type App struct {
	opts     Options
	names    parsed
	source   *pull.Subscriber
	topic    *pubsub.TopicAdminClient
	out      io.Writer
	progress io.Writer

	moved, failed atomic.Int64
	last          atomic.Int64 // when a letter last came or went, in nanoseconds since begin
	begin         time.Time
	tally         *tally
	mu            sync.Mutex
	fatal         error // why no letter can be published
}

// New prepares everything that can fail for good: names and credentials. The result is written to out, the progress, which is
// for people, to progress.
func New(ctx context.Context, opts Options, out, progress io.Writer, log *zap.Logger) (*App, error) {
	names, err := opts.parse()
	if err != nil {
		return nil, err
	}
	if err := pull.CheckEmulator(ctx); err != nil {
		return nil, err
	}
	a := &App{opts: opts, names: names, out: out, progress: progress, tally: newTally()}
	if opts.DryRun && opts.Limit == 0 {
		a.opts.Limit = dryRunLimit
	}
	a.source, err = pull.NewSubscriber(ctx, pull.Options{
		Subscription: names.subscription, MaxOutstandingMessages: a.window(), MaxOutstandingBytes: windowBytes,
		LeaseExtension: time.Minute, MaxLease: time.Hour,
	}, pull.NewMetrics(prometheus.NewRegistry()), log)
	if err != nil {
		return nil, err
	}
	a.topic, err = load.Dial(ctx, os.Getenv(load.EmulatorVariable))
	if err != nil {
		return nil, errors.Join(err, a.source.Close())
	}
	return a, nil
}

// look asks for both ends before anything is touched. What these credentials may not see is no fault: moving needs no more than
// roles/pubsub.subscriber and roles/pubsub.publisher.
func (a *App) look(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	var errs []error
	letters, err := a.source.Subscription(bounded)
	switch {
	case err != nil:
		errs = append(errs, err)
	case letters.GetTopic() == a.names.topic.String():
		errs = append(errs, &config.Error{
			Key: "--topic", Value: a.opts.Topic, Problem: "is the topic that " + a.names.subscription.String() + " subscribes to: the letters would come back for ever",
			Cure: "give the topic that the messages were published to at first",
		})
	}
	_, err = a.topic.GetTopic(bounded, &pubsubpb.GetTopicRequest{Topic: a.names.topic.String()})
	if code := status.Code(err); err != nil && code != codes.PermissionDenied && code != codes.Unimplemented {
		errs = append(errs, load.Explain(err, a.names.topic, os.Getenv(load.EmulatorVariable)))
	}
	return errors.Join(errs...)
}

// window is how many letters may be in hand at once.
func (a *App) window() int {
	switch {
	case a.opts.DryRun:
		return a.opts.Limit
	case a.opts.Limit > 0:
		return min(window, a.opts.Limit)
	}
	return window
}

// Run moves letters until the subscription is empty, the limit is reached or ctx is done, which is no error once both ends have
// answered, and prints the result. What was begun is finished first.
func (a *App) Run(ctx context.Context) error {
	defer func() { _ = errors.Join(a.source.Close(), a.topic.Close()) }()
	if err := a.look(ctx); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	a.begin = time.Now()
	running, stop := context.WithCancel(ctx)
	defer stop()
	over, end := context.WithCancel(context.WithoutCancel(ctx))
	var attendants sync.WaitGroup
	attendants.Go(func() { a.watch(running, stop) })
	attendants.Go(func() {
		terminal.Progress(over, a.progress, func(now time.Time) string { return a.line(now.Sub(a.begin)) })
	})
	err := a.source.Run(running, running, func(d *pull.Delivery) pull.Fate { return a.handle(running, stop, d) })
	end()
	attendants.Wait()
	fmt.Fprint(a.out, a.summary(time.Since(a.begin)))
	return errors.Join(err, a.verdict())
}

// watch ends the run when nothing comes any more or nothing can be done. In a dry run it gives back what is held.
func (a *App) watch(running context.Context, stop func()) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-running.Done():
			a.tally.giveBack()
			return
		case <-tick.C:
			outstanding, _ := a.source.Outstanding()
			quiet := time.Since(a.begin) - time.Duration(a.last.Load())
			switch ready := a.source.Ready(); {
			case ready != nil && quiet > max(a.opts.Idle, opening):
				a.fail(fmt.Errorf("receiving: %w", ready))
				stop()
			case ready != nil:
			case a.opts.DryRun && a.tally.held() >= a.opts.Limit:
				stop()
			case quiet > a.opts.Idle && (outstanding == 0 || a.opts.DryRun):
				stop()
			}
		}
	}
}

// handle moves one letter.
func (a *App) handle(ctx context.Context, stop func(), d *pull.Delivery) pull.Fate {
	defer func() { a.last.Store(int64(time.Since(a.begin))) }()
	if a.opts.DryRun {
		a.tally.hold(d)
		return pull.Open
	}
	if a.opts.Limit > 0 && a.tally.begun.Add(1) > int64(a.opts.Limit) {
		stop()
		return pull.Nacked
	}
	err := a.publish(ctx, d)
	switch {
	case err == nil:
		if n := a.moved.Add(1); n == int64(a.opts.Limit) {
			stop()
		}
		return pull.Acked
	case ctx.Err() == nil:
		a.fail(err)
		stop()
	}
	a.failed.Add(1)
	return pull.Nacked
}

// publish repeats what may still succeed, within patience. What is under way at the end of ctx is finished.
func (a *App) publish(ctx context.Context, d *pull.Delivery) error {
	request := &pubsubpb.PublishRequest{Topic: a.names.topic.String(), Messages: []*pubsubpb.PubsubMessage{original(&d.Message)}}
	for begin := time.Now(); ; {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
		_, err := a.topic.Publish(bounded, request)
		cancel()
		switch status.Code(err) {
		case codes.OK:
			return nil
		case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.Internal, codes.Unknown:
			if ctx.Err() == nil && time.Since(begin) < patience {
				lifecycle.Sleep(ctx, pause)
				continue
			}
		default:
		}
		return load.Explain(err, a.names.topic, os.Getenv(load.EmulatorVariable))
	}
}

// fail notes why the run ends; the first reason counts.
func (a *App) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fatal == nil {
		a.fatal = err
	}
}

func (a *App) verdict() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fatal
}
