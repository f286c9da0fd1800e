package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"spillway/internal/demo/page"
	"spillway/internal/hpa"
	"spillway/internal/load"
)

// act is the story told once on one stage.
type act struct {
	opts   Options
	pace   Pace
	story  Story
	policy policy
	out    io.Writer
	board  *page.Board
	stage  *stage
	dial   *dial
	scaler *Scaler
	begin  time.Time

	mu      sync.Mutex
	tracker *tracker // Guarded by mu: the autoscaler's loop and the main loop report to it.
	faults  faults   // Guarded by mu.
}

// newAct returns an act that has not begun.
func (a *App) newAct(s *stage, p policy) (*act, error) {
	scaler, err := NewScaler(p, s.fleet, s.readPolicy)
	if err != nil {
		return nil, err
	}
	return &act{
		opts: a.opts, pace: a.pace, story: a.story, policy: p, out: a.out, board: a.board, stage: s,
		dial: newDial(a.story, a.pace), scaler: scaler, tracker: newTracker(a.story, a.pace, a.opts.WorkTime),
	}, nil
}

// tell tells the story until it is over and calm has come, and returns the last frame.
func (a *act) tell(ctx context.Context) (Frame, error) {
	a.begin = time.Now()
	if a.opts.Stay {
		a.dial.take()
	}
	publisher := load.NewPublisher(a.stage.sender, a.stage.flow.topic, load.Message{Size: offerSize}, a.stage.ledger.Published)
	acting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var actors sync.WaitGroup
	published := make(chan error, 1)
	actors.Go(func() { published <- publisher.Run(acting, a.dial.Schedule) })
	actors.Go(func() { a.scaler.Run(acting, a.begin, a.pace, a.sync) })
	actors.Go(func() { a.broadcast(acting) })

	ended := a.watch(ctx, publisher, published)
	end()
	actors.Wait()
	f := a.close(context.WithoutCancel(ctx), publisher)
	return f, outcome(ended, f, a.stage.ledger.Missing(5))
}

// close ends the workers and takes stock: what is neither handled nor in the queue now is lost. Time and replicas stay as
// they were when the story ended.
func (a *act) close(ctx context.Context, p *load.Publisher) Frame {
	before := a.frame()
	a.stage.fleet.Stop(ctx)
	o := a.stage.observe(ctx, before.Elapsed, p.Counts().Failed)
	o.replicas, o.reading, o.taken = before.Replicas, before.Reading, before.Taken
	return a.take(o)
}

func (a *act) sync(s Sync) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tracker.sync(s)
	if s.Rescale {
		kind := map[bool]string{true: "up", false: "down"}[s.Raised()]
		a.board.Note(time.Since(a.begin), kind, scaled(s))
	}
}

// scaled says what the autoscaler did and why.
func scaled(s Sync) string {
	text := fmt.Sprintf("scaled %d to %d", s.From, s.Desired)
	if s.Because != "" {
		text += " because " + s.Because
	}
	if s.Reason != hpa.ReasonMetric {
		text += " (" + words(s.Reason) + ")"
	}
	return text
}

func (a *act) note(kind, text string) { a.board.Note(time.Since(a.begin), kind, text) }

func (a *act) frame() Frame {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tracker.frame
}

// take enters an observation and returns the frame.
func (a *act) take(o observation) Frame {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tracker.observe(o)
	return a.tracker.frame
}

// watch shows the frames until the story is over and calm has come, or, once somebody has taken over, until ctx is done.
func (a *act) watch(ctx context.Context, p *load.Publisher, published <-chan error) error {
	show := newShow(a.out, view{story: a.story, pace: a.pace})
	ticker := time.NewTicker(redrawPeriod)
	defer ticker.Stop()
	var bound <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return a.interrupted()
		case <-a.stage.emulator.done:
			return errors.New("the emulator is gone, and the show with it")
		case <-a.stage.exporter.done:
			return errors.New("the exporter is gone, and the autoscaler blind")
		case err := <-published:
			if err != nil {
				return fmt.Errorf("publishing: %w", err)
			}
			return nil
		case <-bound:
			return fmt.Errorf("no calm within %s of the story's end: %s", calmLimit(a.pace), unrest(a.frame()))
		case <-ticker.C:
			o := a.stage.observe(ctx, time.Since(a.begin), p.Counts().Failed)
			o.taken = a.dial.state().taken
			f := a.take(o)
			show.draw(f)
			bound = a.calm(f, p, bound)
		}
	}
}

// calm ends the load once the story is told and calm has come; the publisher then ends, and the show with it. It returns
// what bounds the waiting for that.
func (a *act) calm(f Frame, p *load.Publisher, bound <-chan time.Time) <-chan time.Time {
	d := a.dial.state()
	switch counts := p.Counts(); {
	case !d.over:
		return nil
	case bound == nil:
		return time.After(calmLimit(a.pace))
	case unrest(f) == "" && counts.Published+counts.Failed == d.due:
		a.dial.end()
	}
	return bound
}

// interrupted is how a show ends that Ctrl-C ended: well if it was to go on until then.
func (a *act) interrupted() error {
	if a.dial.state().taken {
		return nil
	}
	return ErrInterrupted
}
