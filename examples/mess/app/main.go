// Command app is MESS: it takes the updates of three flows over HTTP, joins them to products, and sends each complete
// product to the Content API. It knows nothing of Pub/Sub but the format of a push request, in which the workers speak.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"spillway/examples/mess/sender"
	"spillway/examples/mess/store"
)

// stopLimit bounds the wait for requests that are under way.
const stopLimit = 10 * time.Second

// settings are the flags.
type settings struct {
	listen, database, contentAPI string
	requests                     float64
	batch, remember              int
	work                         time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.listen, "listen", "127.0.0.1:8081", "address to take updates at; port 0 takes a free one")
	flag.StringVar(&s.database, "database", "mess.db", "file of the database")
	flag.StringVar(&s.contentAPI, "content-api", "http://127.0.0.1:8082/products", "URL of the Content API")
	flag.Float64Var(&s.requests, "rate", 50, "requests to the Content API in a second at the most")
	flag.IntVar(&s.batch, "batch", 250, "products in a request at the most")
	flag.IntVar(&s.remember, "remember", 1_000_000, "message IDs to remember")
	flag.DurationVar(&s.work, "work", 0, "how long each update takes besides, as a service that has to ask others does")
	flag.Parse()
	if err := s.validate(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	log, err := zap.NewProduction()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, s, log); err != nil {
		log.Error("ended", zap.Error(err))
		os.Exit(1) //nolint:gocritic // The process ends; the signals need no end of their own.
	}
}

func (s settings) validate(rest []string) error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	u, err := url.Parse(s.contentAPI)
	check(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "-content-api=%q: give an http or https URL", s.contentAPI)
	check(s.database != "", "-database=%q: give a file", s.database)
	check(s.requests > 0, "-rate=%v: give more than 0", s.requests)
	check(s.batch > 0 && s.batch <= 1000, "-batch=%d: give 1 to 1000", s.batch)
	check(s.remember > 0, "-remember=%d: give more than 0", s.remember)
	check(s.work >= 0, "-work=%s: give 0 or more", s.work)
	check(len(rest) == 0, "%q: there are flags only", rest)
	return errors.Join(errs...)
}

// run serves and sends until ctx is done, and closes the database last.
func run(ctx context.Context, s settings, log *zap.Logger) error {
	db, err := store.Open(s.database, store.Options{Remember: s.remember})
	if err != nil {
		return err
	}
	out := &sender.Sender{
		URL: s.contentAPI, Client: &http.Client{Timeout: 10 * time.Second},
		Limit: rate.NewLimiter(rate.Limit(s.requests), 1), Batch: s.batch, Outbox: db, Log: log,
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(ctx, ln, newHandler(db, out, s.work, log)) })
	group.Go(func() error { return out.Run(ctx) })
	log.Info("serving", zap.String("address", ln.Addr().String()))
	return errors.Join(group.Wait(), db.Close())
}

// serve answers until ctx is done, and then what is under way.
func serve(ctx context.Context, ln net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: stopLimit}
	ended := make(chan error, 1)
	go func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		ended <- server.Shutdown(last)
	}()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return <-ended
}
