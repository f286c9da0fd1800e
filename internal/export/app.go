package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog" //nolint:depguard // the toolkit wants one, and gets one that says nothing
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/exporter-toolkit/web"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"

	"spillway/internal/backlog"
	"spillway/internal/cloudmon"
	"spillway/internal/config"
	"spillway/internal/fleet"
	"spillway/internal/httpserver"
	"spillway/internal/lifecycle"
	"spillway/internal/roster"
)

// minScrapeInterval keeps compressed time from asking workers all the time.
const minScrapeInterval = 50 * time.Millisecond

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
	wants   *Wants
	poller  *poller
	figures *metrics
	cluster *cluster

	estimator *estimator
}

// New listens and puts the parts together; the options must be valid. Nothing runs before Run.
func New(opts Options, log *zap.Logger) (*App, error) {
	var faults config.Errors
	subs, defs := opts.parseSubscriptions(&faults), opts.parseMetrics(&faults)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	ln, err := httpserver.Listen(context.Background(), "--listen", opts.Listen)
	if err != nil {
		return nil, err
	}
	a := &App{opts: opts, log: log, ln: ln, wants: NewWants()}
	a.wants.Put("flags", named(subs))
	if err := a.assemble(defs, prometheus.NewRegistry()); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return a, nil
}

func named(subs []backlog.Subscription) []backlog.Want {
	wants := make([]backlog.Want, len(subs))
	for i, sub := range subs {
		wants[i] = backlog.Want{Subscription: sub, By: "--subscription"}
	}
	return wants
}

// assemble makes every part but the sources, which Run connects.
func (a *App) assemble(defs []backlog.Definition, reg *prometheus.Registry) (err error) {
	current, health := newCurrent(defs, a.opts.backlog().Metric), newHealth(a.opts.PollInterval, a.opts.limits())
	if a.cluster, err = join(a.opts, current, a.wants, reg, a.log); err != nil {
		return err
	}
	a.figures = newMetrics(reg)
	a.estimator = a.newEstimator(defs, current, reg)
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	router := httpserver.NewRouter(reg)
	router.Handle(http.MethodGet, "/{$}", "/", page(current, time.Now))
	router.Handle(http.MethodGet, "/explain", "/explain", explain(current))
	router.HandleUncounted("/metrics", scrape(current, reg, time.Now, a.log))
	router.HandleUncounted("/livez", httpserver.Health(health.live()))
	router.HandleUncounted("/healthz", httpserver.Health(health.live()))
	router.HandleUncounted("/readyz", httpserver.Health(append(health.ready(), a.cluster.checks()...)...))
	a.router = router
	a.poller = &poller{
		settings: settings{
			metrics: defs, backlog: a.opts.backlog().Metric, interval: a.opts.PollInterval, delay: a.opts.scale(visible), times: a.opts.times,
			idleAsZero: a.opts.IdleAsZero, temporary: temporary, current: current, figures: a.figures, health: health,
		},
		wants: a.wants, journal: func() *journal { return &journal{log: a.log, backlog: a.opts.backlog().Metric} },
	}
	return nil
}

// newEstimator puts together who works on the subscriptions and what is made of it.
func (a *App) newEstimator(defs []backlog.Definition, current *Current, reg prometheus.Registerer) *estimator {
	log := a.log.Named("estimate")
	speed := a.opts.speed()
	period := max(time.Duration(float64(a.opts.Workers.Interval)/speed), minScrapeInterval)
	e := &estimator{
		current: current, wants: a.wants, law: a.opts.Law, clock: clock{origin: time.Now().Truncate(time.Millisecond), speed: speed},
		period: period, patience: 4 * period, fresh: a.opts.limits().Fresh, all: a.opts.Workers.All, log: log,
		acks:  slices.ContainsFunc(defs, func(d backlog.Definition) bool { return d.Metric == backlog.AckMessageCount }),
		fleet: fleet.New(fleet.Options{Period: period, Timeout: min(a.opts.Workers.timeout(), period*9/10)}, reg, log.Named("fleet")),
		teams: []func() []team{a.opts.namedWorkers(a.wants, log).teams},
	}
	if a.cluster.watcher != nil {
		e.teams = append(e.teams, a.opts.scaledWorkers(a.cluster.watcher.Targets, log).teams)
	}
	return e
}

// Addr returns the host:port that it listens at.
func (a *App) Addr() string { return a.ln.Addr().String() }

// Run connects to Google's APIs, polls and serves until ctx is done. Missing credentials, or a local monitoring server
// that does not answer, end it before anything is served; later failures are tried again for ever.
func (a *App) Run(ctx context.Context) error {
	samples, list, err := a.connect(ctx)
	if err != nil {
		_ = errors.Join(a.ln.Close(), a.cluster.close()) // nothing was served on them
		return a.explain(ctx, err)
	}
	if err := a.estimator.begin(a.opts.Workers.Record, int64(a.opts.Workers.RecordLimit)<<20); err != nil {
		return errors.Join(err, a.ln.Close(), a.cluster.close(), samples.Close(), list.Close())
	}
	a.poller.source, a.poller.lister = &monitoring{client: samples, figures: a.figures}, &subscriptions{client: list}
	group := lifecycle.New(a.log)
	group.Add("http", httpDrain+time.Second, a.serve)
	a.cluster.add(group)
	group.Add("poll", pollStop, a.poller.run)
	group.Add("estimate", pollStop, a.estimator.run)
	for _, project := range a.opts.Discover {
		d := &discovery{
			lister: a.poller.lister, project: project, include: a.opts.Include, exclude: a.opts.Exclude,
			every: listEvery * a.opts.PollInterval, wants: a.wants, log: a.log,
		}
		group.Add("discover "+project, pollStop, d.run)
	}
	return errors.Join(group.Run(ctx), samples.Close(), list.Close())
}

func (a *App) connect(ctx context.Context) (*cloudmon.Client, *roster.Client, error) {
	samples, err := cloudmon.Dial(ctx, cloudmon.Options{Endpoint: a.opts.MonitoringEndpoint, Universe: a.opts.Universe, Observe: a.observe})
	if err != nil {
		return nil, nil, err
	}
	list, err := roster.Dial(ctx, roster.Options{
		Endpoint: a.opts.pubsubEndpoint(), Universe: a.opts.Universe,
		Observe: func(method, project string, code codes.Code, took time.Duration) {
			a.figures.called(method, "", project, code.String(), took)
		},
	})
	if err != nil {
		return nil, nil, errors.Join(err, samples.Close())
	}
	return samples, list, nil
}

// serve answers HTTP, with the TLS and passwords of --web.config.file if there is one.
func (a *App) serve(ctx context.Context) error {
	a.log.Info("serving", zap.String("address", a.Addr()))
	run := (*http.Server).Serve
	if a.opts.WebConfig != "" {
		run = func(server *http.Server, ln net.Listener) error {
			return web.Serve(ln, server, &web.FlagConfig{WebConfigFile: &a.opts.WebConfig}, slog.New(slog.DiscardHandler))
		}
	}
	return httpserver.ServeBy(ctx, run, a.ln, a.router, httpDrain, a.log)
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
	a.figures.called(c.Method, c.Metric, c.Project, c.Code.String(), c.Duration)
}

// monitoring is the source of every poll.
type monitoring struct {
	client  *cloudmon.Client
	figures *metrics
}

var _ source = (*monitoring)(nil)

func (m *monitoring) read(ctx context.Context, q question) ([]backlog.Measured, error) {
	answer, err := m.client.Read(ctx, cloudmon.Query{
		Metric: q.def.Metric, Kind: q.def.Kind, Project: q.project, IDs: q.ids, Since: q.since, Until: q.until,
	})
	if err != nil {
		return nil, err
	}
	m.figures.answered(q.def.Metric, q.project, answer.Returned, answer.Ignored)
	return answer.Series, nil
}

// subscriptions says which there are.
type subscriptions struct{ client *roster.Client }

var _ lister = (*subscriptions)(nil)

func (s *subscriptions) list(ctx context.Context, project string) ([]string, error) {
	return s.client.List(ctx, project)
}

// temporary reports whether a question may be answered a little later although nobody does anything.
func temporary(err error) bool {
	failure, ok := errors.AsType[*cloudmon.Error](err)
	return ok && failure.Temporary()
}
