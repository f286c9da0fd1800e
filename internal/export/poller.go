package export

import (
	"context"
	"sync"
	"time"
)

// poller runs one loop for each project that somebody wants something of, so that a project that is slow or fails delays
// no other.
type poller struct {
	settings
	wants   *Wants
	journal func() *journal
}

// run follows what is wanted until ctx is done, and returns nil when every project's loop has ended.
func (p *poller) run(ctx context.Context) error {
	running := map[string]*running{}
	var all sync.WaitGroup
	defer all.Wait()
	for {
		p.apply(ctx, running, &all)
		select {
		case <-p.wants.changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// running is a project with its loop.
type running struct {
	*project
	stop context.CancelFunc
	done chan struct{}
}

// apply starts, changes and ends loops. Whoever wants nothing any more is off the board when it returns.
func (p *poller) apply(ctx context.Context, now map[string]*running, all *sync.WaitGroup) {
	wants := p.wants.all()
	for id, one := range now {
		if len(wants[id]) > 0 {
			continue
		}
		one.stop()
		<-one.done
		delete(now, id)
		p.current.change(func(b *board) *board { return b.without(id) })
		p.figures.forget(id)
		p.health.forget(id)
	}
	for id, subs := range wants {
		one := now[id]
		switch {
		case len(subs) == 0:
		case one == nil:
			now[id] = p.start(ctx, id, subs, all)
		default:
			one.wants.Store(&subs)
			select {
			case one.changed <- struct{}{}:
			default:
			}
		}
	}
}

func (p *poller) start(ctx context.Context, id string, subs map[string]want, all *sync.WaitGroup) *running {
	ctx, stop := context.WithCancel(ctx)
	one := &running{
		project: &project{settings: p.settings, id: id, changed: make(chan struct{}, 1), journal: p.journal()},
		stop:    stop, done: make(chan struct{}),
	}
	one.wants.Store(&subs)
	p.health.begin(id, time.Now())
	p.figures.begin(id, definitions(p.metrics, subs))
	p.current.change(func(b *board) *board { return b.with(one.empty(subs)) })
	all.Go(func() {
		defer close(one.done)
		defer stop()
		one.run(ctx)
	})
	return one
}
