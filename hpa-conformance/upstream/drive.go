package upstream

import (
	"context"
	"errors"
	"fmt"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/features"

	"spillway/hpa-conformance/trace"
	"spillway/internal/hpa"
)

// World is what is left of a sync for the next scene.
type World struct {
	// Now is the instant of the coming sync, First says that it is the first.
	Now   time.Time
	First bool
	// Replicas are what the scale target asks for.
	Replicas int32
}

// Silence keeps the controller's errors, which scenes are made to cause, out of the log and from slowing it down. It is for TestMain.
func Silence() {
	utilruntime.ErrorHandlers = nil //nolint:reassign // that is what the list is for
	klog.SetLogger(logr.Discard())
}

// Drive runs the controller through the steps that next draws, until it draws none, and puts them into t with what the controller did. It must be
// called in a bubble, by its first goroutine. The feature gates are the process's: only one Drive at a time.
func Drive(t *trace.Trace, next func(w World) *trace.Step) error {
	settings := hpa.DefaultSettings()
	if t.Spec.Settings != nil {
		settings = *t.Spec.Settings
	}
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(map[string]bool{
		string(features.HPAScaleToZero):           settings.ScaleToZero,
		string(features.HPAConfigurableTolerance): !settings.IgnoreTolerances,
	}); err != nil {
		return fmt.Errorf("setting the feature gates: %w", err)
	}
	c := &cluster{
		hpas: cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}),
		pods: cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}),
		spec: t.Spec,
	}
	c.stored, c.object = trace.Bare(t.Status), object(&t.Status)
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logr.New(eventLog{c})))
	controller := podautoscaler.NewHorizontalController(ctx, events{}, scales{cluster: c}, autoscalers{cluster: c}, mapper{}, readings{c}, hpaInformer{c}, podInformer{c},
		t.Period, settings.DownscaleStabilization, settings.Tolerance, settings.CPUInitialization, settings.InitialReadiness)
	done := make(chan struct{})
	go func() {
		defer close(done)
		controller.Run(ctx, 1)
	}()
	defer func() {
		cancel()
		<-done
	}()
	return c.play(t, next)
}

// play shows scene after scene. The rival's syncs lie half a period before ours.
func (c *cluster) play(t *trace.Trace, next func(w World) *trace.Step) error {
	w := World{Now: bare(time.Now()).Add(t.Period + t.Period/2), First: true}
	step := next(w)
	if step == nil {
		return nil
	}
	c.present(step)
	other := autoscaler(rival, &hpa.Spec{MaxReplicas: 3, Metrics: []hpa.MetricSpec{{Source: hpa.External, Name: "none", Target: hpa.Target{Value: 1}}}})
	if err := c.hpas.Add(other); err != nil {
		return err
	}
	c.handler.OnAdd(other, true)
	time.Sleep(t.Period / 2)
	c.handler.OnAdd(autoscaler(ours, &c.spec), true)
	for step != nil {
		if err := c.sync(w.Now, step); err != nil {
			return fmt.Errorf("step %d: %w", len(t.Steps), err)
		}
		t.Steps = append(t.Steps, *step)
		w = World{Now: c.ended.Add(t.Period), Replicas: c.replicas}
		if step = next(w); step != nil {
			c.present(step)
		}
	}
	return nil
}

// present sets the scene for the coming sync.
func (c *cluster) present(s *trace.Step) {
	if s.Spec != nil {
		c.spec = *s.Spec
	}
	if s.Conflicts >= attempts {
		s.Scene.Write.Err = errTooManyConflicts
	}
	c.show(s)
}

// errTooManyConflicts stands for the last of them.
var errTooManyConflicts = trace.FaultError("somebody else was first, again and again")

// sync waits for the sync at the instant at, and notes what it did. Only a conflict keeps a sync from ending within the instant.
func (c *cluster) sync(at time.Time, s *trace.Step) error {
	time.Sleep(time.Until(at))
	synctest.Wait()
	if s.Conflicts > 0 {
		time.Sleep(time.Second)
		synctest.Wait()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reads == 0 && s.Scene.Scale.Err == nil {
		return errors.New("the controller did not sync")
	}
	s.At, s.Did = c.began, c.did
	if c.reads == 0 { // The target's kind was not found.
		s.At, c.ended = at, at
	}
	if !s.At.Equal(at) {
		return fmt.Errorf("the controller synced at %v, not at %v", s.At, at)
	}
	if c.did.Rescale {
		s.Scene.Write.Took = c.ended.Sub(c.began)
	}
	return nil
}
