package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"spillway/examples/mess/contentapi"
	"spillway/examples/mess/product"
)

const (
	project = "mess"
	// dead is the topic of messages that are no updates, and its subscription.
	dead = "dead"
	// failures is the share of its requests that the Content API fails.
	failures = 0.1
	// work is how long the app takes for an update besides, and concurrency how many a worker gives it at once: a pod can
	// do some 800 updates in a second.
	work        = 10 * time.Millisecond
	concurrency = 8
)

// stage is everything that runs.
type stage struct {
	settings
	folder   string
	launcher launcher
	api      *contentapi.API
	apiURL   string
	emulator *process
	exporter *process
	app      place
	flows    []*flow
	client   *pubsub.Client
	http     *http.Client

	closers []func() error
}

// raise starts what does not crash: the Content API, the emulator, the exporter. When it fails, nothing is left running.
func raise(ctx context.Context, s settings) (*stage, error) {
	st := &stage{settings: s, http: &http.Client{Timeout: 5 * time.Second}}
	if err := st.start(ctx); err != nil {
		return nil, errors.Join(err, st.strike())
	}
	return st, nil
}

func (s *stage) start(ctx context.Context) (err error) {
	if err := s.makeFolder(); err != nil {
		return err
	}
	s.launcher = launcher{logs: s.folder, stay: s.keep != ""}
	if err := s.serveContentAPI(ctx); err != nil {
		return err
	}
	args := []string{
		"emulator", "--listen=127.0.0.1:0", "--log-format=json", "--project=" + project, "--create=" + dead + ":" + dead,
		"--monitoring-speed=" + strconv.Itoa(pace),
	}
	for _, kind := range product.Kinds() {
		args = append(args, fmt.Sprintf("--create=%s:%s", kind, kind))
	}
	if s.emulator, err = s.child(ctx, "emulator", "spillway", args...); err != nil {
		return err
	}
	s.launcher.env = []string{"PUBSUB_EMULATOR_HOST=" + s.emulator.address}
	args = []string{
		"--listen=127.0.0.1:0", "--log-format=json", "--monitoring-endpoint=" + s.emulator.address,
		"--poll-interval=" + (time.Minute / pace).String(), "--fresh-for=" + (4 * time.Minute / pace).String(),
	}
	for _, kind := range product.Kinds() {
		args = append(args, "--subscription="+subscription(string(kind)))
	}
	if s.exporter, err = s.child(ctx, "exporter", "backlog-exporter", args...); err != nil {
		return err
	}
	return s.connect(ctx)
}

func subscription(id string) string { return "projects/" + project + "/subscriptions/" + id }
func topic(id string) string        { return "projects/" + project + "/topics/" + id }

func (s *stage) makeFolder() error {
	if s.keep != "" {
		s.folder = s.keep
		return os.MkdirAll(s.folder, 0o750)
	}
	var err error
	if s.folder, err = os.MkdirTemp("", "mess-"); err != nil {
		return err
	}
	s.onClose(func() error { return os.RemoveAll(s.folder) })
	return nil
}

// serveContentAPI serves the stub in this process, which does not crash.
func (s *stage) serveContentAPI(ctx context.Context) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.api = contentapi.New(truth, failures, s.seed)
	s.apiURL = "http://" + ln.Addr().String() + "/products"
	mux := http.NewServeMux()
	mux.Handle("POST /products", s.api)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	s.onClose(func() error {
		err := server.Close()
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	})
	return nil
}

// child starts a program that is stopped with the stage.
func (s *stage) child(ctx context.Context, name, program string, args ...string) (*process, error) {
	p, err := s.launcher.start(ctx, name, filepath.Join(s.programs, program), args...)
	if err != nil {
		return nil, err
	}
	s.onClose(p.stop)
	return p, nil
}

// connect makes the client that publishes.
func (s *stage) connect(ctx context.Context) error {
	conn, err := grpc.NewClient(s.emulator.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	if s.client, err = pubsub.NewClient(ctx, project, option.WithGRPCConn(conn)); err != nil {
		return errors.Join(err, conn.Close())
	}
	s.onClose(s.client.Close)
	return nil
}

// startApp starts the app, at the address that it had before.
func (s *stage) startApp(address string) func(ctx context.Context, n int) (*process, error) {
	return func(ctx context.Context, n int) (*process, error) {
		return s.launcher.start(ctx, fmt.Sprintf("app.%d", n), s.settings.app,
			"-listen="+address, "-database="+filepath.Join(s.folder, "mess.db"), "-content-api="+s.apiURL, "-work="+work.String())
	}
}

// startWorker starts a worker of a flow.
func (s *stage) startWorker(kind product.Kind, app string) func(ctx context.Context, name string) (*process, error) {
	return func(ctx context.Context, name string) (*process, error) {
		return s.launcher.start(ctx, name, filepath.Join(s.programs, "worker"), "--listen=127.0.0.1:0", "--log-format=json",
			"--subscription="+subscription(string(kind)), "--target=http://"+app+"/"+string(kind), "--target-health=http://"+app+"/healthz",
			"--concurrency="+strconv.Itoa(concurrency), "--dead-letter-topic="+topic(dead), "--lease-extension=10s")
	}
}

func (s *stage) onClose(f func() error) { s.closers = append(s.closers, f) }

// strike ends everything in reverse order.
func (s *stage) strike() error {
	var errs []error
	for _, end := range slices.Backward(s.closers) {
		errs = append(errs, end())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// freeAddress returns an address that nothing listens at.
func freeAddress(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// scrapeLimit bounds what is read of an exposition.
const scrapeLimit = 16 << 20

// read returns the value of a series of the subscription.
func (s *stage) read(ctx context.Context, address, name, id string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, scrapeLimit))
	if err != nil {
		return 0, err
	}
	return find(string(text), name, `subscription_id="`+id+`"`)
}
