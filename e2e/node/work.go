//go:build linux

package node

import (
	"context"
	"slices"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
)

// sidecarGrace is what a sidecar gets at least to end after the other containers, as a kubelet gives it.
const sidecarGrace = 2 * time.Second

// work runs the containers and returns when all of them have ended: the init containers one after the other, those that
// are sidecars going on beside, then the others; at the end the others first, then the sidecars in reverse order.
func (p *pod) work(ctx context.Context) {
	if p.initialise(ctx) {
		for _, c := range p.mains {
			c.start(ctx)
		}
		for _, c := range p.mains {
			p.await(ctx, c.done)
		}
	}
	deadline := time.Now().Add(p.gracePeriod())
	var ending sync.WaitGroup
	for _, c := range p.mains {
		ending.Go(func() { c.end(ctx, deadline) })
	}
	ending.Wait()
	for _, c := range slices.Backward(p.inits) {
		c.end(ctx, later(deadline, time.Now().Add(sidecarGrace)))
	}
}

// initialise runs the init containers and says whether the others may start.
func (p *pod) initialise(ctx context.Context) bool {
	for _, c := range p.inits {
		c.start(ctx)
		if c.sidecar() {
			p.await(ctx, c.up)
		} else {
			p.await(ctx, c.done)
		}
		if p.isStopping() || ctx.Err() != nil || c.failed() {
			return false
		}
	}
	return true
}

// await waits for a container, but not longer than the Pod may live.
func (p *pod) await(ctx context.Context, done <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-p.stop:
	case <-done:
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// gracePeriod is how long the containers have to end: what the deletion says, or what the Pod says.
func (p *pod) gracePeriod() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return p.grace
	}
	return specGrace(p.spec)
}

// specGrace is the Pod's own grace period.
func specGrace(spec *core.Pod) time.Duration {
	if seconds := spec.Spec.TerminationGracePeriodSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return core.DefaultTerminationGracePeriodSeconds * time.Second
}
