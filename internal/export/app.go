package export

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
	"spillway/internal/cloudmon"
	"spillway/internal/config"
	"spillway/internal/httpserver"
	"spillway/internal/lifecycle"
)

// The bounds of stopping. A poll ends with its context.
const (
	httpDrain = 5 * time.Second
	pollStop  = 5 * time.Second
)

// App is the exporter. Make it with New and Run it once.
type App struct {
	opts    Options
	log     *zap.Logger
	ln      net.Listener
	router  http.Handler
	loop    *loop
	metrics *metrics
}

// New listens and puts the parts together; the options must be valid. Nothing runs before Run.
func New(opts Options, log *zap.Logger) (*App, error) {
	var faults config.Errors
	subs := opts.parseSubscriptions(&faults)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	ln, err := httpserver.Listen(context.Background(), "--listen", opts.Listen)
	if err != nil {
		return nil, err
	}
	a := &App{opts: opts, log: log, ln: ln}
	a.assemble(newBoard(levels(), subs), prometheus.NewRegistry())
	return a, nil
}

// levels are what is exported for every subscription.
func levels() []level {
	return []level{
		{metric: string(cloudmon.NumUndeliveredMessages), unit: "1", help: "Unacknowledged messages of the subscription, those in flight included."},
		{metric: string(cloudmon.OldestUnackedMessageAge), unit: "s", help: "Age of the oldest unacknowledged message of the subscription in seconds."},
	}
}

// assemble makes every part but the source, which Run connects.
func (a *App) assemble(first *board, reg *prometheus.Registry) {
	limits, shown := a.opts.limits(), &atomic.Pointer[board]{}
	shown.Store(first)
	health := newHealth(time.Now(), a.opts.PollInterval, limits)
	a.metrics = newMetrics(reg, first.queries())
	reg.MustRegister(newCollector(shown, limits, time.Now), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	router := httpserver.NewRouter(reg)
	router.Handle(http.MethodGet, "/{$}", "/", page(shown, limits, time.Now))
	router.HandleUncounted("/metrics", httpserver.MetricsHandler(reg, a.log))
	router.HandleUncounted("/livez", httpserver.Health(health.live()))
	router.HandleUncounted("/healthz", httpserver.Health(health.live()))
	router.HandleUncounted("/readyz", httpserver.Health(health.ready()...))
	a.router = router
	a.loop = &loop{
		queries: first.queries(), interval: a.opts.PollInterval, limits: limits, board: shown,
		metrics: a.metrics, health: health, journal: newJournal(a.log, limits),
	}
}

// Addr returns the host:port that it listens at.
func (a *App) Addr() string { return a.ln.Addr().String() }

// Run connects to Cloud Monitoring, polls and serves until ctx is done. Missing credentials, or a local monitoring
// server that does not answer, end it before anything is served; later failures are tried again for ever.
func (a *App) Run(ctx context.Context) error {
	client, err := cloudmon.Dial(ctx, cloudmon.Options{Endpoint: a.opts.MonitoringEndpoint, Observe: a.observe})
	if err != nil {
		_ = a.ln.Close() // nothing was served on it
		return a.explain(ctx, err)
	}
	a.loop.source = &monitoring{client: client, metrics: a.metrics}
	group := lifecycle.New(a.log)
	group.Add("http", httpDrain+time.Second, func(ctx context.Context) error {
		a.log.Info("serving", zap.String("address", a.Addr()))
		return httpserver.Serve(ctx, a.ln, a.router, httpDrain, a.log)
	})
	group.Add("poll", pollStop, a.loop.run)
	return errors.Join(group.Run(ctx), client.Close())
}

// explain says which flag leads out of an error at start. Being told to stop meanwhile is none.
func (a *App) explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return nil //nolint:nilerr // being told to stop is no failure
	case errors.Is(err, cloudmon.ErrUnreachable):
		return fmt.Errorf("--monitoring-endpoint: %w; start one with `spillway emulator`, or correct the address", err)
	case errors.Is(err, cloudmon.ErrNoCredentials):
		return fmt.Errorf("%w; for a local server give --monitoring-endpoint", err)
	default:
		return err
	}
}

func (a *App) observe(c cloudmon.Call) {
	a.metrics.called(string(c.Metric), c.Project, c.Code.String(), c.Duration)
}

// monitoring is the source of the loop.
type monitoring struct {
	client  *cloudmon.Client
	metrics *metrics
}

var _ source = (*monitoring)(nil)

func (m *monitoring) newest(ctx context.Context, q query, since, now time.Time) (map[backlog.Subscription]backlog.Sample, error) {
	answer, err := m.client.Newest(ctx, cloudmon.Query{
		Metric: cloudmon.Metric(q.metric), Project: q.project, Subscriptions: q.ids, Since: since, Until: now,
	})
	if err != nil {
		return nil, err
	}
	m.metrics.answered(q, answer.Series, answer.Ignored)
	return answer.Samples, nil
}

// temporary reports whether a query may succeed a little later although nobody does anything.
func temporary(err error) bool {
	failure, ok := errors.AsType[*cloudmon.Error](err)
	return ok && failure.Temporary()
}
