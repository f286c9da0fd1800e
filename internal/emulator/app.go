package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/fault"
	"spillway/internal/emulator/monitoring"
	"spillway/internal/emulator/push"
	"spillway/internal/httpserver"
	"spillway/internal/lifecycle"
)

const (
	// tickPeriod is how late expiries and redeliveries may be.
	tickPeriod = 20 * time.Millisecond
	stopBound  = 5 * time.Second
)

// App is one emulator.
type App struct {
	log        *zap.Logger
	ln         net.Listener
	broker     *broker.Broker
	faults     *fault.Set
	monitoring *monitoring.Server
	grpc       *grpc.Server
	http       http.Handler
	streams    *subscriber
	signer     *push.Signer
	tuneMemory bool
}

// New binds the listener and makes what Options.Create names; it starts nothing. Run must follow, or the port stays bound.
func New(opts Options, log *zap.Logger) (*App, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	a := &App{log: log, broker: broker.New(time.Now), signer: push.NewSigner(time.Now), tuneMemory: opts.TuneMemory}
	if err := createAll(a.broker, opts); err != nil {
		return nil, err
	}
	a.monitoring = monitoring.New(opts.monitoring(), truth{a.broker}, time.Now, log.Named("monitoring"))
	if err := setMonitoringFaults(a.monitoring, opts.MonitoringFaults); err != nil {
		return nil, err
	}
	a.faults = fault.NewSet(opts.Seed, time.Now)
	if err := a.faults.Replace(opts.faults()...); err != nil {
		return nil, err
	}
	a.streams = &subscriber{broker: a.broker, faults: a.faults, responseMessages: opts.MaxResponseMessages}
	a.grpc = newGRPCServer(grpc.UnaryInterceptor(unaryFaults(a.faults)))
	registerPublisher(a.grpc, &publisher{broker: a.broker})
	registerSubscriber(a.grpc, a.streams)
	iampb.RegisterIAMPolicyServer(a.grpc, &iam{broker: a.broker, faults: a.faults})
	pubsubpb.RegisterSchemaServiceServer(a.grpc, pubsubpb.UnimplementedSchemaServiceServer{})
	a.monitoring.Register(a.grpc)

	reg := prometheus.NewRegistry()
	reg.MustRegister(newCollector(a.broker))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", httpserver.MetricsHandler(reg, log))
	mux.Handle("GET /admin/state", stateHandler(a.broker, a.monitoring, time.Now))
	mux.Handle("GET /admin/faults", listFaults(a.faults, a.monitoring))
	mux.Handle("POST /admin/faults", replaceFaults(a.faults, a.monitoring, log))
	mux.Handle("GET /oauth2/v3/certs", a.signer)
	mux.HandleFunc("GET /{$}", home)
	rest, err := newREST(a.grpc)
	if err != nil {
		return nil, err
	}
	mux.Handle("/v1/", rest)
	mux.Handle("/v3/", rest)
	a.http = mux

	ln, err := httpserver.Listen(context.Background(), "--listen", opts.Listen)
	if err != nil {
		return nil, err
	}
	a.ln = ln
	return a, nil
}

// Addr is the address that is served, with the port that was taken.
func (a *App) Addr() string { return a.ln.Addr().String() }

// Run serves until ctx is done, and returns when everything that it started has ended.
func (a *App) Run(ctx context.Context) error {
	f := newFork(a.ln)
	group := lifecycle.New(a.log)
	group.Add("clock", stopBound, a.tick)
	if a.tuneMemory {
		group.Add("memory", stopBound, func(ctx context.Context) error { return tuneMemory(ctx, a.broker.Held) })
	}
	group.Add("monitoring", stopBound, a.monitoring.Run)
	group.Add("push", stopBound, push.New(a.broker, a.signer, a.log.Named("push")).Run)
	group.Add("grpc", stopBound, func(ctx context.Context) error { return a.serveGRPC(ctx, f.http2) })
	group.Add("http", stopBound, func(ctx context.Context) error {
		return httpserver.Serve(ctx, f.http1, endWith(ctx, a.http), time.Second, a.log)
	})
	group.Add("listener", stopBound, f.serve)
	a.log.Info("serving", zap.String("address", a.Addr()))
	return group.Run(ctx)
}

// endWith ends the requests of h when ctx is done: a pull may wait longer than a stop may.
func endWith(ctx context.Context, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		h.ServeHTTP(w, r.WithContext(own)) //nolint:contextcheck // a request inherits from its own context
	})
}

// tick lets deadlines pass when no call does.
func (a *App) tick(ctx context.Context) error {
	ticker := time.NewTicker(tickPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			a.broker.Tick()
		}
	}
}

func (a *App) serveGRPC(ctx context.Context, ln net.Listener) error {
	stop := context.AfterFunc(ctx, a.grpc.Stop)
	err := a.grpc.Serve(ln)
	if !stop() {
		a.grpc.Stop() // waits for the handlers
		err = nil
	}
	a.streams.readers.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serving grpc: %w", err)
	}
	return nil
}

func createAll(b *broker.Broker, opts Options) error {
	for _, text := range opts.Create {
		c, err := parseCreate(text, opts.Project)
		if err != nil {
			return fmt.Errorf("creating %q: %w", text, err)
		}
		// A topic that is named twice gets the subscriptions of both.
		if _, err := b.CreateTopic(&pubsubpb.Topic{Name: c.topic.String()}); err != nil && status.Code(err) != codes.AlreadyExists {
			return fmt.Errorf("creating topic %s: %w", c.topic, err)
		}
		for _, sub := range c.subscriptions {
			config := &pubsubpb.Subscription{Name: sub.String(), Topic: c.topic.String()}
			if _, err := b.CreateSubscription(config); err != nil {
				return fmt.Errorf("creating subscription %s: %w", sub, err)
			}
		}
	}
	return nil
}

func setMonitoringFaults(m *monitoring.Server, texts []string) error {
	faults := make([]monitoring.Fault, len(texts))
	for i, text := range texts {
		f, err := monitoring.ParseFault(text)
		if err != nil {
			return fmt.Errorf("reading a monitoring fault: %w", err)
		}
		faults[i] = f
	}
	if len(faults) == 0 {
		return nil
	}
	return m.SetFaults(faults...)
}
