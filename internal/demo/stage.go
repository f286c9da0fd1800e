package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"spillway/internal/httpserver"
	"spillway/internal/load"
)

// The series that are read.
const (
	trueBacklog = "emulator_subscription_backlog_messages"
	lateBacklog = "stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages"
)

// scrapeLimit bounds one scrape.
const scrapeLimit = 2 * time.Second

// stage is everything that runs while the story is told: the processes, the ledger's server and the publisher.
type stage struct {
	flow     flow
	ledger   *Ledger
	bench    *bench
	wiring   *wiring
	target   string // The URL that the workers post to.
	emulator *child
	exporter *child
	fleet    *Fleet
	client   *http.Client
	sender   load.Sender

	closers []func() error // In the order in which things were started.
}

// raise starts everything and waits until it serves. When it returns an error, nothing is left running.
func raise(ctx context.Context, b binaries, pace Pace, work time.Duration) (*stage, error) {
	s := &stage{flow: sellingOffers(), ledger: NewLedger(), bench: newBench(work), client: &http.Client{Timeout: scrapeLimit}}
	s.onClose(func() error { s.client.CloseIdleConnections(); return nil })
	err := s.start(ctx, b, pace)
	if err != nil {
		return nil, errors.Join(err, s.strike())
	}
	return s, nil
}

func (s *stage) start(ctx context.Context, b binaries, pace Pace) error {
	if err := s.serveLedger(ctx); err != nil {
		return err
	}
	var err error
	if s.emulator, err = s.child(ctx, emulatorProgram(b.spillway, s.flow, pace)); err != nil {
		return err
	}
	emulator := s.emulator.address
	file, err := newWorkersFile(s.flow)
	if err != nil {
		return err
	}
	s.onClose(file.remove)
	if s.exporter, err = s.child(ctx, exporterProgram(b.exporter, s.flow, pace, emulator, file.path)); err != nil {
		return err
	}
	client, err := load.Dial(ctx, emulator)
	if err != nil {
		return err
	}
	s.sender = client
	s.onClose(client.Close)
	s.wiring = newWiring(emulator)
	s.fleet = NewFleet(func(name string) runner {
		return s.wiring.wire(name, func(emulator string) runner {
			return workerProgram(b.worker, name, s.flow, pace, emulator, s.target+"/"+name).run
		})
	}, file.write)
	s.onClose(func() error { s.fleet.Stop(ctx); return nil })
	s.fleet.Scale(ctx, minReplicas)
	return s.workersServe(ctx)
}

// serveLedger starts the workers' target.
func (s *stage) serveLedger(ctx context.Context) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serving the ledger: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /offers/{worker}", target(s.ledger, s.bench))
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- httpserver.Serve(own, ln, mux, time.Second, zap.NewNop()) }()
	s.target = "http://" + ln.Addr().String() + "/offers"
	s.onClose(func() error { cancel(); return <-done })
	return nil
}

func (s *stage) child(ctx context.Context, p program) (*child, error) {
	c, err := startChild(ctx, p.name, p.run)
	if err != nil {
		return nil, err
	}
	s.onClose(c.stop)
	return c, nil
}

// workersServe waits for the first workers. One that fails to start ends the show before it begins.
func (s *stage) workersServe(ctx context.Context) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		if faults := s.fleet.Faults(); len(faults) > 0 {
			return errors.New(faults[0])
		}
		if s.fleet.Replicas().Serving == minReplicas {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

func (s *stage) onClose(f func() error) { s.closers = append(s.closers, f) }

// strike ends everything in reverse order: workers, exporter, emulator, ledger. Nothing is left when it returns.
func (s *stage) strike() error {
	var errs []error
	for _, end := range slices.Backward(s.closers) {
		errs = append(errs, end())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// backlog asks the emulator for the truth.
func (s *stage) backlog(ctx context.Context) Level {
	v, err := scrape(ctx, s.client, s.emulator.metrics(), trueBacklog, s.flow.labels())
	return Level{Messages: int64(v), Known: err == nil}
}

// observe looks at everything once.
func (s *stage) observe(ctx context.Context, elapsed time.Duration, failed int64) observation {
	o := observation{elapsed: elapsed, failed: failed, before: s.ledger.Counts()}
	o.backlog = s.backlog(ctx)
	o.after = s.ledger.Counts()
	o.reading = s.read(ctx)
	o.latest, o.all = s.ledger.Ages(time.Now())
	o.replicas, o.faults = s.fleet.Replicas(), s.fleet.Faults()
	return o
}

// urls lists where to look.
func (s *stage) urls() [][2]string {
	list := [][2]string{
		{"emulator", s.emulator.metrics()}, {"exporter", s.exporter.metrics()}, {"ledger", s.target},
	}
	for _, w := range s.fleet.Addresses() {
		list = append(list, [2]string{w[0], "http://" + w[1] + "/"})
	}
	return list
}
