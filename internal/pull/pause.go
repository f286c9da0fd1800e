package pull

import (
	"context"
	"sync"
)

// valve lets streams run or stops them. It is safe for concurrent use.
type valve struct {
	mu     sync.Mutex
	paused bool
	change chan struct{} // closed at the next change
}

func newValve() *valve { return &valve{change: make(chan struct{})} }

func (v *valve) set(paused bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.paused == paused {
		return
	}
	v.paused = paused
	close(v.change)
	v.change = make(chan struct{})
}

func (v *valve) state() (paused bool, change <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.paused, v.change
}

// await waits until the valve is open or ctx is done.
func (v *valve) await(ctx context.Context) {
	for paused, change := v.state(); paused; paused, change = v.state() {
		select {
		case <-change:
		case <-ctx.Done():
			return
		}
	}
}

// whileOpen calls f with a context that is done with ctx or when the valve closes, and returns when f has.
func (v *valve) whileOpen(ctx context.Context, f func(ctx context.Context) error) error {
	bounded, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() {
		for paused, change := v.state(); !paused; paused, change = v.state() {
			select {
			case <-change:
			case <-bounded.Done():
				return
			}
		}
		cancel()
	})
	return f(bounded)
}

// Pause stops receiving until it is called with false: open streams are ended as at a stop, so that nothing is left on
// its way, and no other is opened. What was received stays lent and keeps its leases. Ready does not change. It returns
// at once, and is safe for concurrent use.
func (s *Subscriber) Pause(paused bool) {
	s.valve.set(paused)
}
