package consume

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"spillway/internal/cgroup"
	"spillway/internal/httpserver"
	"spillway/internal/idtoken"
	"spillway/internal/lifecycle"
	"spillway/internal/pull"
	"spillway/internal/tracing"
)

const (
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
	limits   cgroup.Limits
	window   int // bytes of payload that each flow's stream, and all pushes together, may hold
	listener net.Listener
	admin    net.Listener // nil without
	registry *prometheus.Registry
	lanes    []*lane
	keys     *idtoken.Keys    // nil when no token is asked for
	tracing  *tracing.Tracing // nil when it is off
	draining atomic.Bool
	log      *zap.Logger
}

// New listens and prepares everything that can fail for good: ports, emulator, credentials. It starts nothing. The options must
// be valid.
func New(ctx context.Context, opts Options, log *zap.Logger) (_ *App, err error) {
	a := &App{opts: opts, limits: cgroup.Read(os.DirFS("/")), registry: prometheus.NewRegistry(), log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if err := a.listen(ctx); err != nil {
		return nil, err
	}
	if err := pull.CheckEmulator(ctx); err != nil {
		return nil, err
	}
	if a.tracing, err = tracing.New(ctx, "spillway-worker", log.Named("tracing")); err != nil {
		return nil, err
	}
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	newProcessMetrics(a.registry, a.limits)
	return a, a.openLanes(ctx)
}

func (a *App) listen(ctx context.Context) (err error) {
	if a.listener, err = httpserver.Listen(ctx, "--listen", a.opts.Listen); err != nil {
		return err
	}
	if a.opts.AdminListen != "" {
		a.admin, err = httpserver.Listen(ctx, "--admin-listen", httpserver.Loopback(a.opts.AdminListen))
	}
	return err
}

// openLanes makes every flow. The memory for payloads is divided evenly: how large a flow's messages are, nobody knows before.
func (a *App) openLanes(ctx context.Context) error {
	flows := a.opts.flows()
	a.window = byteWindow(a.limits.MemoryBytes, shares(flows))
	metrics := pull.NewMetrics(a.registry)
	for _, opts := range flows {
		l := a.newLane(opts, a.window)
		a.lanes = append(a.lanes, l)
		if err := l.open(ctx, a, metrics); err != nil {
			return err
		}
		if opts.PushAudience != "" && a.keys == nil {
			a.keys = idtoken.NewKeys(a.opts.PushKeys, a.log.Named("push"))
		}
		if opts.pushed() && opts.PushAudience == "" {
			a.log.Warn("push deliveries need no token: whoever reaches the port can hand messages to the handler", zap.String("flow", l.name))
		}
	}
	return nil
}

// shares returns into how many parts the memory for payloads is divided: one for each flow that pulls, one for all pushes.
func shares(flows []FlowOptions) int {
	pulled, pushed := 0, 0
	for i := range flows {
		if flows[i].pulls() {
			pulled++
		}
		if flows[i].pushed() {
			pushed = 1
		}
	}
	return pulled + pushed
}

// Addr returns the address that the worker listens on.
func (a *App) Addr() string { return a.listener.Addr().String() }

// AdminAddr returns the address that pprof is served on; empty when it is not.
func (a *App) AdminAddr() string {
	if a.admin == nil {
		return ""
	}
	return a.admin.Addr().String()
}

// Run streams and serves until ctx is done, then drains: readiness goes off, receiving stops, received messages are
// worked off, acks are sent, and HTTP ends last. It returns an error when something failed for good at the start or was
// left behind at the end.
func (a *App) Run(ctx context.Context) error {
	defer func() { _ = a.close() }()
	if a.opts.TuneMemory {
		defer limitMemory(a.limits.MemoryBytes)()
	}
	stop := context.AfterFunc(ctx, func() { a.draining.Store(true) })
	defer stop()
	group := lifecycle.New(a.log.Named("lifecycle"))
	group.Add("http", httpDrain+time.Second, func(ctx context.Context) error {
		a.sayLimits()
		return httpserver.Serve(ctx, a.listener, a.routes(), httpDrain, a.log.Named("http"))
	})
	if a.admin != nil {
		group.Add("admin", httpDrain, func(ctx context.Context) error {
			a.log.Info("serving pprof", zap.String("address", a.AdminAddr()))
			return httpserver.Serve(ctx, a.admin, httpserver.Admin(), time.Second, a.log.Named("admin"))
		})
	}
	if a.keys != nil {
		group.Add("push keys", time.Second, a.keys.Run)
	}
	if a.tracing != nil {
		group.Add("tracing", tracing.CloseLimit+time.Second, a.tracing.Run)
	}
	group.Add("flows", a.opts.DrainLimit+ackFlush, a.runLanes)
	return group.Run(ctx)
}

// sayLimits logs the container's limits, as far as there are any, and what was made of them.
func (a *App) sayLimits() {
	fields := []zap.Field{zap.String("address", a.Addr()), zap.Objects("flows", a.lanes)}
	if m := a.limits.MemoryBytes; m > 0 {
		fields = append(fields, zap.Int64("container_memory_bytes", m))
	}
	if c := a.limits.CPUs; c > 0 {
		fields = append(fields, zap.Float64("container_cpus", c))
	}
	if m := memoryLimit(); m > 0 {
		fields = append(fields, zap.Int64("go_memory_limit_bytes", m))
	}
	a.log.Info("serving", fields...)
}

// runLanes runs every flow until ctx is done or one ends by itself, and returns when all have drained, side by side.
func (a *App) runLanes(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(a.lanes))
	var group sync.WaitGroup
	for i, l := range a.lanes {
		group.Go(func() { l.checkLetters(ctx) })
		group.Go(func() {
			defer cancel()
			if err := l.flow.run(ctx); err != nil {
				errs[i] = fmt.Errorf("flow %s: %w", l.name, err)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// close releases what New made. It may be called with half of it.
func (a *App) close() error {
	var errs []error
	a.tracing.Close()
	for _, ln := range []net.Listener{a.listener, a.admin} {
		if ln == nil {
			continue
		}
		// Serve has closed it already, unless it never ran.
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for _, l := range a.lanes {
		errs = append(errs, l.close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}
