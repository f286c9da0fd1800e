//go:build linux

package node

import (
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status returns what the Pod's object is to say.
func (p *pod) status() core.PodStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	inits, mains := statuses(p.inits), statuses(p.mains)
	if p.trouble != "" {
		for i := range mains {
			if mains[i].State.Waiting != nil {
				mains[i].State = waiting("ContainerCreating", p.trouble)
			}
		}
	}
	status := core.PodStatus{
		Phase: phase(p.spec, p.inits, mains, p.stopping), StartTime: &meta.Time{Time: p.began},
		HostIP: p.node.address().String(), HostIPs: []core.HostIP{{IP: p.node.address().String()}},
		InitContainerStatuses: inits, ContainerStatuses: mains, QOSClass: p.spec.Status.QOSClass,
	}
	if p.port != nil {
		status.PodIP, status.PodIPs = p.address.String(), []core.PodIP{{IP: p.address.String()}}
	}
	status.Conditions = conditions(p.spec.Status.Conditions, map[core.PodConditionType]bool{
		core.PodReadyToStartContainers: p.port != nil,
		core.PodInitialized:            initialised(p.inits),
		core.ContainersReady:           allReady(p.inits, inits, mains),
		core.PodReady:                  allReady(p.inits, inits, mains),
	})
	return status
}

// statuses returns what each container's part of the status says.
func statuses(containers []*container) []core.ContainerStatus {
	var out []core.ContainerStatus
	for _, c := range containers {
		out = append(out, c.status())
	}
	return out
}

// status returns what the container's part of the status says.
func (c *container) status() core.ContainerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	started := c.started
	status := core.ContainerStatus{
		Name: c.spec.Name, Image: c.spec.Image, ImageID: c.spec.Image, State: c.state, LastTerminationState: c.last,
		RestartCount: c.restarts, Started: &started, Ready: c.ready,
	}
	if c.init && c.spec.RestartPolicy == nil {
		status.Ready = c.state.Terminated != nil && c.state.Terminated.ExitCode == 0
	}
	if c.process != nil {
		status.ContainerID = identity(c.process)
	}
	return status
}

// phase is Pending until all init containers are through, then Running, and at last what the containers' ends make of it.
func phase(spec *core.Pod, inits []*container, mains []core.ContainerStatus, stopping bool) core.PodPhase {
	for _, c := range inits {
		if c.failed() && spec.Spec.RestartPolicy == core.RestartPolicyNever {
			return core.PodFailed
		}
	}
	var ended, failed, begun int
	for _, status := range mains {
		if status.State.Terminated != nil {
			ended++
			if status.State.Terminated.ExitCode != 0 {
				failed++
			}
		}
		if status.State.Running != nil || status.State.Terminated != nil || status.LastTerminationState.Terminated != nil {
			begun++
		}
	}
	final := stopping || spec.Spec.RestartPolicy == core.RestartPolicyNever || spec.Spec.RestartPolicy == core.RestartPolicyOnFailure && failed == 0
	switch {
	case ended == len(mains) && final && failed > 0:
		return core.PodFailed
	case ended == len(mains) && final:
		return core.PodSucceeded
	case begun > 0 && initialised(inits):
		return core.PodRunning
	default:
		return core.PodPending
	}
}

// initialised says whether every init container is through, and every sidecar up.
func initialised(inits []*container) bool {
	for _, c := range inits {
		done := c.done
		if c.sidecar() {
			done = c.up
		}
		select {
		case <-done:
		default:
			return false
		}
		if c.failed() {
			return false
		}
	}
	return true
}

// allReady says whether every container is ready, the sidecars included.
func allReady(specs []*container, inits, mains []core.ContainerStatus) bool {
	for i, c := range specs {
		if c.sidecar() && !inits[i].Ready {
			return false
		}
	}
	for _, status := range mains {
		if !status.Ready {
			return false
		}
	}
	return true
}

// conditions returns the conditions that the node owns. The transition's time stays as long as the status does: the HPA
// leaves out the CPU of a Pod that was never ready for long, and judges that by this time.
func conditions(before []core.PodCondition, now map[core.PodConditionType]bool) []core.PodCondition {
	var out []core.PodCondition
	for _, kind := range []core.PodConditionType{core.PodReadyToStartContainers, core.PodInitialized, core.ContainersReady, core.PodReady} {
		condition := core.PodCondition{Type: kind, Status: core.ConditionFalse, LastTransitionTime: meta.Now()}
		if now[kind] {
			condition.Status = core.ConditionTrue
		}
		for _, old := range before {
			if old.Type == kind && old.Status == condition.Status {
				condition.LastTransitionTime = old.LastTransitionTime
			}
		}
		out = append(out, condition)
	}
	return out
}
