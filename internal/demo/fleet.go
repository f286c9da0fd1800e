package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// restartPause keeps a worker that cannot live from being started in a tight loop.
const restartPause = time.Second

// Fleet is the workers, one process each, in the order in which they were started. Each has a goroutine that starts it,
// starts it again should it die, and waits until it is gone. It is safe for concurrent use.
type Fleet struct {
	worker func(name string) runner
	tell   func([]Member) error // Called with the lock at every change of who serves.
	wait   sync.WaitGroup

	mu      sync.Mutex
	pods    []*pod
	leaving []*pod // Told to stop and not gone.
	started int    // How many there have ever been, for their names.
	faults  []string
}

// pod is the place of one worker.
type pod struct {
	name   string
	cancel context.CancelFunc
	// child is the process in this place that serves, nil while there is none. Guarded by the fleet's lock.
	child *child
}

// NewFleet returns a fleet without workers. worker returns how to run one. tell is told of every change of who serves, one
// after the other; its error is a fault of the show. It may be nil.
func NewFleet(worker func(name string) runner, tell func([]Member) error) *Fleet {
	if tell == nil {
		tell = func([]Member) error { return nil }
	}
	return &Fleet{worker: worker, tell: tell}
}

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
		f.leaving = append(f.leaving, newest)
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
	defer f.gone(p)
	for ctx.Err() == nil {
		c, err := startChild(ctx, p.name, f.worker(p.name))
		if err == nil {
			f.note(p, c)
			err = live(ctx, c)
			f.note(p, nil)
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

func (f *Fleet) gone(p *pod) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaving = slices.DeleteFunc(f.leaving, func(l *pod) bool { return l == p })
}

func (f *Fleet) note(p *pod, c *child) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.child = c
	if err := f.tell(f.members()); err != nil {
		f.faults = append(f.faults, err.Error())
	}
}

// Kill ends a serving worker by SIGKILL; its place is filled again after a pause. An empty name is the newest one.
func (f *Fleet) Kill(name string) (killed string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range slices.Backward(f.pods) {
		if p.child != nil && (name == "" || p.name == name) {
			p.child.kill()
			return p.name, nil
		}
	}
	return "", notServing(name)
}

func notServing(name string) error {
	return fmt.Errorf("%s does not serve at the moment", cmp.Or(name, "any worker"))
}

// Member is one worker as it is at the moment.
type Member struct {
	Name string
	// Address is where it serves, empty while it does not.
	Address string
	// Draining says that it was told to stop.
	Draining bool
}

// Members returns every worker that is to be there or is draining, the oldest first.
func (f *Fleet) Members() []Member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.members()
}

func (f *Fleet) members() []Member {
	var list []Member
	for _, p := range f.pods {
		list = append(list, Member{Name: p.name, Address: p.address()})
	}
	for _, p := range f.leaving {
		list = append(list, Member{Name: p.name, Address: p.address(), Draining: true})
	}
	return list
}

func (p *pod) address() string {
	if p.child == nil {
		return ""
	}
	return p.child.address
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
	r := Replicas{Wanted: len(f.pods), Draining: len(f.leaving)}
	for _, p := range f.pods {
		if p.child != nil {
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
		if p.child != nil {
			list = append(list, [2]string{p.name, p.child.address})
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
