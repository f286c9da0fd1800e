package upstream

import (
	"context"
	"errors"
	"sync"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"spillway/hpa-conformance/trace"
	"spillway/internal/hpa"
)

// attempts is how often retry.DefaultRetry tries.
const attempts = 5

var (
	errConflict  = errors.New("somebody else was first")
	errNotServed = errors.New("not served")
)

func scaleTargets() schema.GroupResource {
	return schema.GroupResource{Group: "apps", Resource: "deployments"}
}

func oldTargets() schema.GroupResource {
	return schema.GroupResource{Group: "extensions", Resource: "deployments"}
}

// cluster answers the controller's calls from the scene of the present step, and notes what it did.
type cluster struct {
	hpas, pods cache.Indexer
	handler    cache.ResourceEventHandler

	mu        sync.Mutex
	step      *trace.Step // What the coming sync finds, with spec.
	spec      hpa.Spec
	object    autoscalingv2.HorizontalPodAutoscalerStatus // As it is stored.
	stored    hpa.Status                                  // The same.
	replicas  int32
	conflicts int
	// What the sync did.
	began, ended time.Time
	reads        int
	did          trace.Answer
}

// show sets the scene for the coming sync.
func (c *cluster) show(s *trace.Step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step = s
	c.replicas, c.conflicts, c.reads = s.Scene.Scale.Spec, s.Conflicts, 0
	c.did = trace.Answer{Desired: s.Scene.Scale.Spec, Status: c.stored}
	h := autoscaler(ours, &c.spec)
	h.Status = c.object
	if err := s.Scene.Scale.Err; err != nil {
		switch trace.FaultError(err.Error()) {
		case trace.ErrVersion:
			h.Spec.ScaleTargetRef.APIVersion = "apps/v1/beta"
		case trace.ErrKind:
			h.Spec.ScaleTargetRef.Kind = "Unserved"
		}
	}
	_ = c.hpas.Update(h) // An indexer in memory has no errors.
	pods := make([]any, 0, len(s.Scene.Pods))
	for i := range s.Scene.Pods {
		pods = append(pods, pod(&s.Scene.Pods[i]))
	}
	_ = c.pods.Replace(pods, "")
}

// Get reads a scale subresource.
func (c *cluster) Get(_ context.Context, target schema.GroupResource, name string, _ metav1.GetOptions) (*autoscalingv1.Scale, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if target != scaleTargets() {
		return nil, apierrors.NewNotFound(target, name)
	}
	if name == rival {
		return c.rivalScale(), nil
	}
	if c.reads == 0 {
		c.began = bare(time.Now())
	}
	c.reads++
	c.ended = bare(time.Now())
	s := &c.step.Scene.Scale
	if s.Err != nil {
		return nil, s.Err
	}
	selector := "app=workers"
	switch s.Selector {
	case hpa.SelectorMissing:
		selector = ""
	case hpa.SelectorInvalid:
		selector = "app in ("
	case hpa.SelectorUsable, hpa.SelectorAmbiguous:
	}
	return scale(ours, c.replicas, s.Status, selector), nil
}

// rivalScale makes the rival select the same pods when the coming scene is to be ambiguous.
func (c *cluster) rivalScale() *autoscalingv1.Scale {
	if c.step != nil && c.step.Scene.Scale.Selector == hpa.SelectorAmbiguous {
		return scale(rival, 1, 1, "app=workers")
	}
	return scale(rival, 1, 1, "app=rival")
}

func scale(name string, spec, status int32, selector string) *autoscalingv1.Scale {
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       autoscalingv1.ScaleSpec{Replicas: spec},
		Status:     autoscalingv1.ScaleStatus{Replicas: status, Selector: selector},
	}
}

// Update writes a scale subresource.
func (c *cluster) Update(_ context.Context, target schema.GroupResource, s *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Name == rival {
		return s, nil
	}
	c.ended = bare(time.Now())
	c.did.Desired, c.did.Rescale = s.Spec.Replicas, true
	if c.conflicts > 0 {
		c.conflicts--
		return nil, apierrors.NewConflict(target, s.Name, errConflict)
	}
	if err := c.step.Scene.Write.Err; err != nil {
		return nil, err
	}
	c.replicas = s.Spec.Replicas
	return s, nil
}

// UpdateStatus stores the status of an autoscaler.
func (c *cluster) UpdateStatus(_ context.Context, h *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	if h.Name == rival {
		return h, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = bare(time.Now())
	c.did.Wrote, c.did.Status = true, status(&h.Status)
	if err := c.step.Scene.StatusErr; err != nil {
		return nil, err
	}
	c.stored, c.object = c.did.Status, h.Status
	_ = c.hpas.Update(h) // An indexer in memory has no errors.
	return h, nil
}

// record takes an event as the controller's recorder logs it.
func (c *cluster) record(kind, reason, message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.did.Events = append(c.did.Events, event(kind == corev1.EventTypeWarning, hpa.Reason(reason), message))
}

// mapper finds the resources that a kind may be; the first of them is gone from the cluster.
type mapper struct{ meta.RESTMapper }

// RESTMappings lists the resources of a kind.
func (mapper) RESTMappings(gk schema.GroupKind, _ ...string) ([]*meta.RESTMapping, error) {
	if gk.Kind != "Deployment" {
		return nil, errNotServed
	}
	return []*meta.RESTMapping{{Resource: oldTargets().WithVersion("v1")}, {Resource: scaleTargets().WithVersion("v1")}}, nil
}
