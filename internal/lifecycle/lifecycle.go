// Package lifecycle runs the parts of a program: started in order, stopped in reverse, each step named and bounded.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
)

// Group runs parts together. It is used from one goroutine: Add the parts, then Run once.
//
//	Add("http", …)  Add("flow", …)          start: http, flow        stop: flow, http
type Group struct {
	log   *zap.Logger
	parts []part
}

type part struct {
	name  string
	bound time.Duration
	run   func(context.Context) error
}

// running is a part that was started.
type running struct {
	part
	stop context.CancelFunc
	done chan struct{} // closed after err is set
	err  error
}

// New returns an empty group that names its steps in log.
func New(log *zap.Logger) *Group { return &Group{log: log} }

// Add appends a part. run blocks until its context is done or it fails; after its context is done it has at most
// bound to return.
func (g *Group) Add(name string, bound time.Duration, run func(context.Context) error) {
	g.parts = append(g.parts, part{name: name, bound: bound, run: run})
}

// Run starts every part and returns when all have ended: after ctx is done, or after any part has returned. The error
// joins those of the parts, each with its name; a part that does not end within its bound is one too and is left behind.
// The parts' contexts carry ctx's values but are cancelled one by one, last part first.
func (g *Group) Run(ctx context.Context) error {
	ended := make(chan string, len(g.parts))
	started := make([]*running, 0, len(g.parts))
	for _, p := range g.parts {
		started = append(started, start(ctx, p, ended))
	}
	select {
	case <-ctx.Done():
		g.log.Info("stopping", zap.String("cause", context.Cause(ctx).Error()))
	case name := <-ended:
		g.log.Info("stopping", zap.String("cause", name+" ended"))
	}
	var errs []error
	for _, r := range slices.Backward(started) {
		errs = append(errs, g.end(r))
	}
	return errors.Join(errs...)
}

func start(ctx context.Context, p part, ended chan<- string) *running {
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{part: p, stop: stop, done: make(chan struct{})}
	go func() {
		r.err = p.run(own)
		close(r.done)
		ended <- p.name
	}()
	return r
}

// end stops one part and waits for it within its bound.
func (g *Group) end(r *running) error {
	r.stop()
	timer := time.NewTimer(r.bound)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
		g.log.Error("stopping took too long", zap.String("part", r.name), zap.Duration("bound", r.bound))
		return fmt.Errorf("%s did not stop within %s", r.name, r.bound)
	}
	if r.err != nil && !errors.Is(r.err, context.Canceled) {
		return fmt.Errorf("%s: %w", r.name, r.err)
	}
	g.log.Debug("stopped", zap.String("part", r.name))
	return nil
}
