//go:build linux

package node

import (
	"context"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	backOffLimit = 30 // times the first back-off
	backOffReset = 60 // times the first back-off: a container that ran so long is healthy
)

// container keeps one container of a Pod running.
type container struct {
	pod  *pod
	spec *core.Container
	init bool
	up   chan struct{} // closed when it has started once: its startup probe has succeeded, if it has one
	done chan struct{} // closed when it will not run any more
	quit chan struct{} // closed when it is to end

	upOnce, quitOnce sync.Once

	mu       sync.Mutex
	begun    bool // start was called
	launches int
	process  *running            // nil while none runs
	state    core.ContainerState // what the status says
	last     core.ContainerState // how the last one ended
	restarts int32
	started  bool // of the running one: the startup probe has succeeded
	ready    bool // of the running one: the readiness probe has succeeded last
}

// running is one incarnation of a container.
type running struct {
	cmd   *exec.Cmd
	since time.Time
	ended chan struct{}
}

// newContainer returns a container that start will start.
func newContainer(p *pod, spec *core.Container, init bool) *container {
	return &container{pod: p, spec: spec, init: init, up: make(chan struct{}), done: make(chan struct{}), quit: make(chan struct{}), state: waiting("PodInitializing", "")}
}

// sidecar says whether it is an init container that goes on beside the others.
func (c *container) sidecar() bool {
	return c.init && c.spec.RestartPolicy != nil && *c.spec.RestartPolicy == core.ContainerRestartPolicyAlways
}

// start has the container run until end, or until its restart policy lets it be.
func (c *container) start(ctx context.Context) {
	c.mu.Lock()
	c.begun = true
	c.mu.Unlock()
	go func() {
		defer close(c.done)
		c.supervise(ctx)
	}()
}

// supervise runs the container again and again: at once after the first end, then after the back-off.
func (c *container) supervise(ctx context.Context) {
	first := c.pod.node.opts.BackOff
	var delay time.Duration
	for {
		healthy, again := c.runOnce(ctx)
		if !again || c.isQuitting() || ctx.Err() != nil {
			return
		}
		if healthy {
			delay = 0
		}
		c.set(func() {
			if c.state.Terminated != nil {
				c.last, c.state = c.state, waiting("CrashLoopBackOff", "back-off "+delay.String()+" restarting container "+c.spec.Name)
				c.restarts++
			}
		})
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
		case <-c.quit:
		case <-timer.C:
		}
		timer.Stop()
		if c.isQuitting() || ctx.Err() != nil {
			return
		}
		delay = min(max(first, 2*delay), backOffLimit*first)
	}
}

// runOnce runs one incarnation to its end. It says whether it ran for long, and whether it is to run again.
func (c *container) runOnce(ctx context.Context) (healthy, again bool) {
	process, err := c.launch(ctx)
	if err != nil {
		c.pod.log.Warn("the container does not start", zap.String("container", c.spec.Name), zap.Error(err))
		c.set(func() { c.state = waiting(reasonOf(err), err.Error()) })
		return false, true
	}
	probing, stopProbing := context.WithCancel(ctx)
	var probes sync.WaitGroup
	probes.Go(func() { c.probe(probing, &probes) })
	select {
	case <-process.ended:
	case <-ctx.Done():
		_ = process.cmd.Process.Kill()
		<-process.ended
	}
	stopProbing()
	probes.Wait()
	code := c.finish(process)
	return time.Since(process.since) > backOffReset*c.pod.node.opts.BackOff, c.restartsAfter(code)
}

// finish takes down how an incarnation ended and returns its exit code.
func (c *container) finish(process *running) int32 {
	status, _ := process.cmd.ProcessState.Sys().(syscall.WaitStatus)
	ended := core.ContainerStateTerminated{
		ExitCode: int32(status.ExitStatus()), Reason: "Completed", //nolint:gosec // An exit code has eight bits.
		StartedAt: meta.NewTime(process.since), FinishedAt: meta.Now(), ContainerID: identity(process),
	}
	if status.Signaled() {
		ended.Signal, ended.ExitCode = int32(status.Signal()), 128+int32(status.Signal()) //nolint:gosec // A signal is below 65.
	}
	if ended.ExitCode != 0 {
		ended.Reason = "Error"
	}
	c.pod.log.Info("a container has ended", zap.String("container", c.spec.Name), zap.Int32("code", ended.ExitCode))
	c.set(func() {
		c.process, c.started, c.ready = nil, false, false
		c.state = core.ContainerState{Terminated: &ended}
	})
	return ended.ExitCode
}

// restartsAfter says whether the restart policy has the container run again.
func (c *container) restartsAfter(code int32) bool {
	if c.sidecar() {
		return true
	}
	switch c.pod.object().Spec.RestartPolicy {
	case core.RestartPolicyNever:
		return false
	case core.RestartPolicyOnFailure:
		return code != 0
	default:
		return !c.init || code != 0
	}
}

// failed says whether it has ended for good with an error.
func (c *container) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.sidecar() && c.state.Terminated != nil && c.state.Terminated.ExitCode != 0
}

// end ends the container: preStop, SIGTERM, and SIGKILL at the deadline. It returns when it has ended. A container that
// was never started, or has ended, needs nothing.
func (c *container) end(ctx context.Context, deadline time.Time) {
	c.quitOnce.Do(func() { close(c.quit) })
	c.mu.Lock()
	begun, process := c.begun, c.process
	c.mu.Unlock()
	if !begun {
		return
	}
	if process != nil {
		c.kill(ctx, process, deadline)
	}
	<-c.done
}

// kill ends one incarnation. It returns when it has ended.
func (c *container) kill(ctx context.Context, process *running, deadline time.Time) {
	bounded, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	c.preStop(bounded)
	if ctx.Err() == nil { // A node that is lost says nothing.
		_ = process.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-process.ended:
	case <-bounded.Done():
		_ = process.cmd.Process.Kill()
		<-process.ended
	}
}

// set changes what the status says.
func (c *container) set(change func()) {
	c.mu.Lock()
	change()
	c.mu.Unlock()
	c.pod.announce()
}

func (c *container) isQuitting() bool {
	select {
	case <-c.quit:
		return true
	default:
		return false
	}
}

// waiting is the state of a container that does not run.
func waiting(reason, message string) core.ContainerState {
	return core.ContainerState{Waiting: &core.ContainerStateWaiting{Reason: reason, Message: message}}
}
