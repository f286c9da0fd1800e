package hpa

import (
	"errors"
	"fmt"
	"time"
)

// ErrNoPods is the error of a metric that counts pods when the selector matches none.
var ErrNoPods = errors.New("no pods match the selector of the scale target")

// ErrNoSamples is the error of a metric of pods when no pod that counts has a sample.
var ErrNoSamples = errors.New("no metric of a pod that counts (they may all be unready)")

// ErrNoRequests is the error of a utilization when the pods that are measured are unknown, or request nothing.
var ErrNoRequests = errors.New("no metric of a pod that requests something")

// RequestError is the error of a utilization when a pod says no request for the resource, or does not have the container.
type RequestError struct {
	Pod, Container, Resource string
}

func (e *RequestError) Error() string {
	return fmt.Sprintf("pod %s: container %q has no request for %s", e.Pod, e.Container, e.Resource)
}

// Pod is what the controller looks at of a pod that the scale target's selector matches.
type Pod struct {
	Name string
	// Phase is status.phase.
	Phase Phase
	// Deleted says that metadata.deletionTimestamp is set.
	Deleted bool
	// Started is status.startTime, zero when there is none.
	Started time.Time
	// Ready is the status of the condition Ready, and ReadySince its lastTransitionTime.
	Ready      Readiness
	ReadySince time.Time
	// Containers are those of the pod and its init containers that restart always, in this order.
	Containers []Container
	// Requests are set when the pod has requests of its own (spec.resources): those that count then for every resource, as PodRequests of
	// k8s.io/component-helpers/resource gives them. Nil means that the containers' count.
	Requests map[string]Milli
}

// Container is a container and what it requests, by resource.
type Container struct {
	Name     string
	Requests map[string]Milli
}

// Phase is a pod's status.phase.
type Phase string

// The phases.
const (
	Pending   Phase = "Pending"
	Running   Phase = "Running"
	Succeeded Phase = "Succeeded"
	Failed    Phase = "Failed"
)

// Readiness is the status of a pod's condition Ready.
type Readiness string

// The readinesses.
const (
	ReadyAbsent  Readiness = "" // The pod has no such condition.
	ReadyTrue    Readiness = "True"
	ReadyFalse   Readiness = "False"
	ReadyUnknown Readiness = "Unknown"
)

// request is what p requests of the resource, of one container unless that is "" (calculateRequests).
func (p *Pod) request(resource, container string) (Milli, error) {
	if p.Requests != nil && container == "" {
		if r, ok := p.Requests[resource]; ok {
			return r, nil
		}
		return 0, &RequestError{Pod: p.Name, Resource: resource}
	}
	var sum Milli
	for i := range p.Containers {
		c := &p.Containers[i]
		if container != "" && container != c.Name {
			continue
		}
		r, ok := c.Requests[resource]
		if !ok {
			return 0, &RequestError{Pod: p.Name, Container: c.Name, Resource: resource}
		}
		if container != "" {
			return r, nil
		}
		sum += r
	}
	if container != "" {
		return 0, &RequestError{Pod: p.Name, Container: container, Resource: resource}
	}
	return sum, nil
}

// warming says whether p's processor does not count yet. While it may be initialising, it counts once the pod is ready and a whole window has
// been measured since; later, unless the pod is unready and has never been ready (groupPods).
func (p *Pod) warming(now time.Time, s Sample, set *Settings) bool {
	if p.Ready == ReadyAbsent || p.Started.IsZero() {
		return true
	}
	if p.Started.Add(set.CPUInitialization).After(now) {
		return p.Ready == ReadyFalse || s.At.Before(p.ReadySince.Add(s.Window))
	}
	return p.Ready == ReadyFalse && p.Started.Add(set.InitialReadiness).After(p.ReadySince)
}

// readyPods counts the pods that run and are ready (getReadyPodsCount).
func readyPods(pods []Pod) (int, error) {
	if len(pods) == 0 {
		return 0, ErrNoPods
	}
	n := 0
	for i := range pods {
		if pods[i].Phase == Running && pods[i].Ready == ReadyTrue {
			n++
		}
	}
	return n, nil
}
