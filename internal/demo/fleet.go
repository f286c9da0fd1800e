package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// restartPause keeps a worker that cannot live from being started in a tight loop.
const restartPause = time.Second

// Fleet is the workers, one process each, in the order in which they were started. Each has a goroutine that starts it,
// starts it again should it die, and waits until it is gone. It is safe for concurrent use.
type Fleet struct {
	worker func(name string) runner
	wait   sync.WaitGroup

	mu       sync.Mutex
	pods     []*pod
	started  int // How many there have ever been, for their names.
	stopping int
	faults   []string
}

// pod is the place of one worker.
type pod struct {
	name   string
	cancel context.CancelFunc
	// serving is the address of the process in this place, empty while there is none. Guarded by the fleet's lock.
	serving string
}

// NewFleet returns a fleet without workers. worker returns how to run one.
func NewFleet(worker func(name string) runner) *Fleet { return &Fleet{worker: worker} }

// Scale makes the fleet n workers large and returns at once. The newest are stopped first, as a ReplicaSet does.
func (f *Fleet) Scale(ctx context.Context, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.pods) < n {
		f.started++
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		p := &pod{name: fmt.Sprintf("worker-%d", f.started), cancel: cancel}
		f.pods = append(f.pods, p)
		f.wait.Go(func() { f.keep(own, p) })
	}
	for len(f.pods) > n {
		newest := f.pods[len(f.pods)-1]
		f.pods = f.pods[:len(f.pods)-1]
		f.stopping++
		newest.cancel()
	}
}

// Stop ends every worker and waits until all are gone.
func (f *Fleet) Stop(ctx context.Context) {
	f.Scale(ctx, 0)
	f.wait.Wait()
}

// keep keeps one place filled until ctx is done.
func (f *Fleet) keep(ctx context.Context, p *pod) {
	defer f.gone()
	for ctx.Err() == nil {
		c, err := startChild(ctx, p.name, f.worker(p.name))
		if err == nil {
			f.note(p, c.address)
			err = live(ctx, c)
			f.note(p, "")
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			f.fault(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(restartPause):
		}
	}
}

// live waits until the child dies, or stops it when ctx is done.
func live(ctx context.Context, c *child) error {
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return c.stop()
	}
}

func (f *Fleet) gone() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopping--
}

func (f *Fleet) note(p *pod, address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.serving = address
}

func (f *Fleet) fault(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, err.Error())
}

// Replicas says how many workers there are to be, how many of them serve, and how many more are draining.
type Replicas struct{ Wanted, Serving, Draining int }

// Replicas returns the numbers of this moment.
func (f *Fleet) Replicas() Replicas {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := Replicas{Wanted: len(f.pods), Draining: f.stopping}
	for _, p := range f.pods {
		if p.serving != "" {
			r.Serving++
		}
	}
	return r
}

// Addresses returns the name and address of every worker that serves.
func (f *Fleet) Addresses() [][2]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list [][2]string
	for _, p := range f.pods {
		if p.serving != "" {
			list = append(list, [2]string{p.name, p.serving})
		}
	}
	return list
}

// Faults returns what went wrong with workers, in order.
func (f *Fleet) Faults() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.faults...)
}
