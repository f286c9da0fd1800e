package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"spillway/internal/demo/page"
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
	board *page.Board
	act   atomic.Pointer[act] // What is on the stage, nil before and after.
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
	return &App{opts: opts, bins: bins, pace: opts.pace(), story: offers(), out: out, board: page.NewBoard(time.Now().UnixNano())}, nil
}

// Run gives the show and prints its summary. The error says everything that went wrong: messages lost or not published, a
// program that died, no calm in time. It is ErrInterrupted when nothing went wrong but ctx ended the show early. All
// processes are gone when it returns.
func (a *App) Run(ctx context.Context) error {
	if a.opts.Page == "" {
		_, err := a.perform(ctx)
		return err
	}
	return a.servePage(ctx, a.perform)
}

// perform tells the story once, or once with each policy, and returns the summary.
func (a *App) perform(ctx context.Context) (summary string, err error) {
	if a.opts.Policy != policyBoth {
		f, err := a.perform1(ctx, policyOf(a.opts.Policy, a.pace))
		return a.conclude(f), err
	}
	late, err := a.perform1(ctx, policyOf(policyBacklog, a.pace))
	summary = a.conclude(late)
	if err != nil {
		return summary, err
	}
	right, err := a.perform1(ctx, policyOf(policyDesired, a.pace))
	summary = a.conclude(right)
	if err != nil {
		return summary, err
	}
	table := view{story: a.story, pace: a.pace}.comparison(late, right)
	fmt.Fprint(a.out, "\n", table)
	return table, nil
}

// conclude prints the summary of an act that began.
func (a *App) conclude(f Frame) string {
	if f.Elapsed == 0 {
		return ""
	}
	summary := view{story: a.story, pace: a.pace}.summary(f)
	fmt.Fprint(a.out, "\n", summary)
	return summary
}

// perform1 raises a stage, tells the story once and strikes the stage.
func (a *App) perform1(ctx context.Context, p policy) (Frame, error) {
	fmt.Fprintf(a.out, "starting emulator, exporter and %d workers; the autoscaler scales on %s\n", minReplicas, p.name)
	s, err := raise(ctx, a.bins, a.pace, a.opts.WorkTime)
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return Frame{}, ErrInterrupted
	}
	if err != nil {
		return Frame{}, err
	}
	for _, u := range s.urls() {
		fmt.Fprintf(a.out, "  %-10s%s\n", u[0], u[1])
	}
	fmt.Fprintln(a.out)
	act, err := a.newAct(s, p)
	if err != nil {
		return Frame{}, join(err, s.strike())
	}
	a.board.Begin()
	a.act.Store(act)
	f, err := act.tell(ctx)
	a.act.Store(nil)
	return f, join(err, s.strike())
}
