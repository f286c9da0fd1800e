package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"spillway/internal/load"
)

// offerSize is the size of a message in bytes.
const offerSize = 256

// calmLimit bounds the time after the story's end until the queue is empty and the replicas are back at the minimum:
// twice the five minutes and eight steps that the autoscaler takes from 20 to 2, and a minute for a busy machine.
func calmLimit(pace Pace) time.Duration { return pace.Wall(26*time.Minute) + time.Minute }

// App is one show.
type App struct {
	opts  Options
	bins  binaries
	pace  Pace
	story Story
	out   io.Writer

	mu      sync.Mutex
	tracker *tracker // Guarded by mu: the autoscaler's loop and the main loop report to it.
}

// New finds the programs; it starts nothing. Everything is shown on out.
func New(opts Options, out io.Writer) (*App, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	bins, err := opts.find()
	if err != nil {
		return nil, err
	}
	story, pace := offers(), opts.pace()
	return &App{opts: opts, bins: bins, pace: pace, story: story, out: out, tracker: newTracker(story, pace)}, nil
}

// Run gives the show and prints its summary. The error says everything that went wrong: messages lost or not published, a
// program that died, no calm in time. It is ErrInterrupted when nothing went wrong but ctx ended the show early. All
// processes are gone when it returns.
func (a *App) Run(ctx context.Context) error {
	fmt.Fprintf(a.out, "starting emulator, exporter and %d workers\n", minReplicas)
	s, err := raise(ctx, a.bins, a.pace, a.opts.WorkTime)
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return ErrInterrupted
	}
	if err != nil {
		return err
	}
	for _, u := range s.urls() {
		fmt.Fprintf(a.out, "  %-10s%s\n", u[0], u[1])
	}
	fmt.Fprintln(a.out)
	err = a.tell(ctx, s)
	return join(err, s.strike())
}

// tell runs the story on the stage until it is over, and prints the summary.
func (a *App) tell(ctx context.Context, s *stage) error {
	begin := time.Now()
	scaler, err := NewScaler(autoscaler(a.pace), s.fleet, s.monitoring)
	if err != nil {
		return err
	}
	publisher := load.NewPublisher(s.sender, s.flow.topic, load.Message{Size: offerSize}, s.ledger.Published)
	acting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var actors sync.WaitGroup
	published := make(chan error, 1)
	actors.Go(func() { published <- publisher.Run(acting, load.Schedule(a.story.Schedule(a.pace))) })
	actors.Go(func() { scaler.Run(acting, begin, a.pace, a.sync) })

	ended := a.watch(ctx, s, begin, publisher, published)
	end()
	actors.Wait()
	f := a.close(context.WithoutCancel(ctx), s, publisher)
	fmt.Fprint(a.out, "\n", view{story: a.story, pace: a.pace}.summary(f))
	return outcome(ended, f, s.ledger.Missing(5))
}

// close ends the workers and takes stock: what is neither handled nor in the queue now is lost. Time and replicas stay as
// they were when the story ended.
func (a *App) close(ctx context.Context, s *stage, p *load.Publisher) Frame {
	before := a.frame()
	s.fleet.Stop(ctx)
	o := s.observe(ctx, before.Elapsed, p.Counts().Failed)
	o.replicas = before.Replicas
	return a.take(o)
}

func (a *App) sync(s Sync) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tracker.sync(s)
}

func (a *App) frame() Frame {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tracker.frame
}

// take enters an observation and returns the frame.
func (a *App) take(o observation) Frame {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tracker.observe(o)
	return a.tracker.frame
}

// watch shows the frames until the story is over and calm has come.
func (a *App) watch(ctx context.Context, s *stage, begin time.Time, p *load.Publisher, published <-chan error) error {
	show := newShow(a.out, view{story: a.story, pace: a.pace})
	ticker := time.NewTicker(redrawPeriod)
	defer ticker.Stop()
	var bound <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ErrInterrupted
		case <-s.emulator.done:
			return errors.New("the emulator is gone, and the show with it")
		case <-s.exporter.done:
			return errors.New("the exporter is gone, and the autoscaler blind")
		case err := <-published:
			if err != nil {
				return fmt.Errorf("publishing: %w", err)
			}
			published = nil
			bound = time.After(calmLimit(a.pace))
		case <-bound:
			return fmt.Errorf("no calm within %s of the story's end: %s", calmLimit(a.pace), unrest(a.frame()))
		case <-ticker.C:
			f := a.take(s.observe(ctx, time.Since(begin), p.Counts().Failed))
			show.draw(f)
			if published == nil && unrest(f) == "" {
				return nil
			}
		}
	}
}
