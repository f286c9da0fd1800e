//go:build linux

package node

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
	core "k8s.io/api/core/v1"

	"spillway/e2e/network"
)

// pod is a Pod that is bound to the node, from the moment the node sees it until its object is gone.
type pod struct {
	node    *Node
	log     *zap.Logger
	host    int // the host part of the address
	address netip.Addr
	dir     string
	changed chan struct{} // holds a token when the status is to be published
	stop    chan struct{} // closed when the Pod is to end

	// Set by run before the containers start, read by them. The status reads the port earlier, under mu.
	port    *network.Port
	volumes map[string]string // a volume's name to its directory

	inits, mains []*container

	mu       sync.Mutex
	spec     *core.Pod     // the newest object
	began    time.Time     // when the node saw it
	trouble  string        // why the containers are not started yet
	stopping bool          // stop is closed
	grace    time.Duration // how long the containers have, from the moment that stop was closed
}

// newPod returns a Pod that run will run.
func newPod(n *Node, spec *core.Pod, host int) *pod {
	p := &pod{
		node: n, host: host, address: network.Pod(n.opts.Number, host), spec: spec, began: time.Now(),
		log:     n.log.With(zap.String("pod", spec.Namespace+"/"+spec.Name)),
		dir:     filepath.Join(n.opts.Dir, "nodes", n.name, string(spec.UID)),
		changed: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	for i := range spec.Spec.InitContainers {
		p.inits = append(p.inits, newContainer(p, &spec.Spec.InitContainers[i], true))
	}
	for i := range spec.Spec.Containers {
		p.mains = append(p.mains, newContainer(p, &spec.Spec.Containers[i], false))
	}
	if spec.DeletionTimestamp != nil {
		p.terminate(0)
	}
	return p
}

// run runs the Pod to its end. When ctx is done the node is lost: everything is killed, and nobody is told.
func (p *pod) run(ctx context.Context) {
	published := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(published)
		p.publish(ctx, finished)
	}()
	p.announce()
	if p.prepare(ctx) {
		p.work(ctx)
	}
	p.cleanUp()
	p.announce()
	close(finished)
	<-published
	select {
	case <-p.stop:
		p.remove(ctx)
	case <-ctx.Done():
	}
	// A Pod whose containers have ended by themselves stays an object, until somebody deletes it.
	p.node.forget(p.object().UID)
}

// prepare gives the Pod its network and its volumes, and says whether its containers may start.
func (p *pod) prepare(ctx context.Context) bool {
	for !p.isStopping() && ctx.Err() == nil {
		err := p.assemble(ctx)
		if err == nil {
			p.explain("")
			return true
		}
		p.explain(err.Error())
		p.log.Warn("the Pod cannot start yet", zap.Error(err))
		p.pause(ctx, p.node.opts.BackOff)
	}
	return false
}

// assemble does what prepare says, once. What has been done before is kept.
func (p *pod) assemble(ctx context.Context) error {
	if err := os.MkdirAll(p.dir, 0o755); err != nil { //nolint:gosec // Containers read below it.
		return err
	}
	if p.port == nil {
		port, err := p.node.opts.Network.Plug(p.address)
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.port = port
		p.mu.Unlock()
	}
	if err := p.writeNetworkFiles(); err != nil {
		return err
	}
	volumes, err := p.fillVolumes(ctx)
	p.volumes = volumes
	return err
}

// cleanUp removes what assemble has made.
func (p *pod) cleanUp() {
	var errs []error
	if p.port != nil {
		errs = append(errs, p.port.Close())
	}
	if err := errors.Join(append(errs, os.RemoveAll(p.dir))...); err != nil {
		p.log.Error("something of the Pod is left", zap.Error(err))
	}
}

// terminate tells the Pod to end. Only the first call counts.
func (p *pod) terminate(grace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopping {
		p.stopping, p.grace = true, grace
		close(p.stop)
	}
}

// update takes over a newer object.
func (p *pod) update(spec *core.Pod) {
	p.mu.Lock()
	p.spec = spec
	p.mu.Unlock()
	if spec.DeletionTimestamp == nil {
		return
	}
	grace := int64(core.DefaultTerminationGracePeriodSeconds)
	if spec.DeletionGracePeriodSeconds != nil {
		grace = *spec.DeletionGracePeriodSeconds
	}
	p.terminate(time.Duration(grace) * time.Second)
}

// object is the newest one.
func (p *pod) object() *core.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spec
}

// explain says why the containers do not start.
func (p *pod) explain(trouble string) {
	p.mu.Lock()
	p.trouble = trouble
	p.mu.Unlock()
	p.announce()
}

// announce has the status published.
func (p *pod) announce() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

func (p *pod) isStopping() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopping
}

// pause waits, but not longer than the Pod may live.
func (p *pod) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-p.stop:
	case <-timer.C:
	}
}
