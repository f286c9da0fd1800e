package consume

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"spillway/internal/backlog"
	"spillway/internal/config"
	"spillway/internal/deliver"
	"spillway/internal/httpserver"
	"spillway/internal/lifecycle"
	"spillway/internal/pull"
)

const (
	// maxOutstandingBytes bounds the payloads that are leased at once.
	maxOutstandingBytes = 100 << 20
	// parkedLease is how much longer than its handling a parked message's lease may be kept.
	parkedLease = 10 * time.Minute
	// httpDrain bounds the end of running HTTP requests.
	httpDrain = 5 * time.Second
	// ackFlush is what the last acks may take after the drain limit.
	ackFlush = 2 * time.Second
	// stuckMargin is how much longer than its time-out a handler may run before it counts as stuck, and the worker as
	// wedged if no other one ends.
	stuckMargin = 30 * time.Second
)

// App is the worker. Make it with New, run it once with Run.
type App struct {
	opts     Options
	sub      backlog.Subscription
	listener net.Listener
	registry *prometheus.Registry
	source   *pull.Subscriber
	letters  *topicLetters // nil without a topic
	target   *deliver.Target
	flow     *flow
	draining atomic.Bool
	log      *zap.Logger
}

// New listens and prepares everything that can fail for good: port, emulator, credentials. It starts nothing. The options must
// be valid.
func New(ctx context.Context, opts Options, log *zap.Logger) (_ *App, err error) {
	a := &App{opts: opts, registry: prometheus.NewRegistry(), log: log}
	a.sub = opts.subscription(opts.Project, &config.Errors{})
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.listener, err = httpserver.Listen(ctx, "--listen", opts.Listen); err != nil {
		return nil, err
	}
	if err := pull.CheckEmulator(ctx); err != nil {
		return nil, err
	}
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.source, err = pull.NewSubscriber(ctx, pull.Options{
		Subscription:           a.sub,
		MaxOutstandingMessages: opts.Concurrency + allowance(opts.Concurrency),
		MaxOutstandingBytes:    maxOutstandingBytes,
		Handlers:               a.opts.Concurrency,
		Streams:                opts.Streams,
		LeaseExtension:         opts.LeaseExtension,
		MaxLease:               2*opts.HandlerTimeout + opts.DrainLimit + parkedLease,
	}, pull.NewMetrics(a.registry), log.Named("pull"))
	if err != nil {
		return nil, err
	}
	if err := a.openLetters(ctx); err != nil {
		return nil, err
	}
	a.flow = a.newFlow()
	return a, nil
}

// openLetters makes the dead-letter publisher, when a topic is configured.
func (a *App) openLetters(ctx context.Context) error {
	if a.opts.DeadLetterTopic == "" {
		return nil
	}
	topic, err := backlog.ParseTopic(a.opts.DeadLetterTopic, a.opts.Project)
	if err != nil {
		return err
	}
	a.letters, err = newTopicLetters(ctx, topic, a.sub)
	return err
}

func (a *App) newFlow() *flow {
	slots := newSlots(a.opts.Concurrency)
	m := newMetrics(a.registry, a.sub.ID, slots.held)
	m.limit.Set(float64(a.opts.Concurrency))
	log := a.log.Named("flow").With(zap.Stringer("subscription", a.sub))
	f := &flow{
		receiver: a.source, handler: a.handler(), drain: a.opts.DrainLimit,
		slots: slots, lot: newLot(allowance(a.opts.Concurrency), m.parked),
		watch: &watch{limit: a.opts.HandlerTimeout, stuck: m.stuck}, metrics: m, log: log, rarely: sampled(log),
	}
	f.rarely = sampled(f.log)
	if a.letters != nil {
		f.letters = a.letters
	}
	return f
}

func (a *App) handler() deliver.Handler {
	switch a.opts.Handler {
	case "discard":
		return deliver.Discard{}
	case "work":
		return a.opts.Work
	}
	endpoint, _ := parseTarget(a.opts.Target)
	opts := deliver.TargetOptions{URL: endpoint, Format: a.opts.Format, Subscription: a.sub, EventSource: a.opts.EventSource, Concurrency: a.opts.Concurrency}
	if a.opts.TargetHealth != "" {
		opts.Health, _ = parseTarget(a.opts.TargetHealth)
	}
	a.target = deliver.NewTarget(opts)
	return a.target
}

// Addr returns the address that the worker listens on.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Run streams and serves until ctx is done, then drains: readiness goes off, receiving stops, received messages are
// worked off, acks are sent, and HTTP ends last. It returns an error when something failed for good at the start or was
// left behind at the end.
func (a *App) Run(ctx context.Context) error {
	defer func() { _ = a.close() }()
	stop := context.AfterFunc(ctx, func() { a.draining.Store(true) })
	defer stop()
	group := lifecycle.New(a.log.Named("lifecycle"))
	group.Add("http", httpDrain+time.Second, func(ctx context.Context) error {
		a.log.Info("serving", zap.String("address", a.Addr()), zap.Stringer("subscription", a.sub))
		return httpserver.Serve(ctx, a.listener, a.routes(), httpDrain, a.log.Named("http"))
	})
	group.Add("flow "+a.sub.ID, a.opts.DrainLimit+ackFlush, a.flow.run)
	return group.Run(ctx)
}

func (a *App) routes() http.Handler {
	router := httpserver.NewRouter(a.registry)
	router.Handle(http.MethodGet, "/{$}", "/", a.status())
	live := httpserver.Health(httpserver.Check{Name: "handlers", Test: func() error { return a.flow.watch.check(time.Now()) }})
	for _, path := range []string{"/livez", "/healthz", "/health"} {
		router.HandleUncounted(path, live)
	}
	router.HandleUncounted("/readyz", httpserver.Health(
		httpserver.Check{Name: "stream " + a.sub.ID, Test: a.source.Ready},
		httpserver.Check{Name: "not draining", Test: a.notDraining},
	))
	router.HandleUncounted("/metrics", httpserver.MetricsHandler(a.registry, a.log.Named("metrics")))
	return router
}

func (a *App) notDraining() error {
	if a.draining.Load() {
		return errors.New("draining")
	}
	return nil
}

// close releases what New made. It may be called with half of it.
func (a *App) close() error {
	var errs []error
	if a.listener != nil {
		// Serve has closed it already, unless it never ran.
		if err := a.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.letters != nil {
		errs = append(errs, a.letters.close())
	}
	if a.source != nil {
		errs = append(errs, a.source.Close())
	}
	if a.target != nil {
		a.target.Close()
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}
