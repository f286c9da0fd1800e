package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

const (
	// selectorLife is how long a target's selector is believed; selectors hardly ever change.
	selectorLife = 10 * time.Minute
	// scaleRetry is the time after which a scale subresource that could not be read is tried again.
	scaleRetry   = 30 * time.Second
	scaleTimeout = 5 * time.Second
)

var errUnread = errors.New("the target's scale has not been read yet")

// Scales reads the selector in an object's scale subresource.
type Scales interface {
	Selector(ctx context.Context, namespace string, of Scaled) (labels.Selector, error)
}

// place is a scaled object in its namespace.
type place struct {
	namespace string
	Scaled
}

// choice is what is known of a target's selector. It is never changed.
type choice struct {
	selector labels.Selector
	err      error
	until    time.Time // when it is read again
}

// pods are the pods of one namespace.
type pods struct {
	informer cache.SharedIndexInformer
	stop     context.CancelFunc
	ended    chan struct{}
}

// targets finds the pods behind scaled objects: their selectors one by one, their pods by one watch for each namespace
// that has a target.
type targets struct {
	client  kubernetes.Interface
	scales  Scales
	metrics *metrics
	log     *zap.Logger
	woken   chan struct{}

	mu      sync.Mutex
	all     []*autoscaler
	choices map[place]choice
	watched map[string]*pods // only run adds and removes
}

func newTargets(client kubernetes.Interface, scales Scales, m *metrics, log *zap.Logger) *targets {
	return &targets{
		client: client, scales: scales, metrics: m, log: log, woken: make(chan struct{}, 1),
		choices: map[place]choice{}, watched: map[string]*pods{},
	}
}

// set replaces the autoscalers whose targets are followed.
func (t *targets) set(all []*autoscaler) {
	t.mu.Lock()
	t.all = all
	t.mu.Unlock()
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

// run follows the targets until ctx is done and every watch has ended.
func (t *targets) run(ctx context.Context) {
	defer t.end(nil)
	if t.scales == nil {
		return
	}
	timer := time.NewTimer(selectorLife)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.woken:
		case <-timer.C:
		}
		places := t.places()
		t.follow(ctx, places)
		timer.Reset(t.choose(ctx, places))
	}
}

// places returns where the targets are, by namespace.
func (t *targets) places() map[string]map[place]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	places := map[string]map[place]bool{}
	for _, a := range t.all {
		if len(a.asks) == 0 {
			continue
		}
		if places[a.Namespace] == nil {
			places[a.Namespace] = map[place]bool{}
		}
		places[a.Namespace][place{a.Namespace, a.scaled}] = true
	}
	return places
}

// follow watches the pods of the namespaces that have targets, and no others.
func (t *targets) follow(ctx context.Context, places map[string]map[place]bool) {
	t.end(places)
	for namespace := range places {
		if t.watch(namespace) != nil {
			continue
		}
		informer := informers.NewSharedInformerFactoryWithOptions(t.client, 0, informers.WithNamespace(namespace), informers.WithTransform(slim)).Core().V1().Pods().Informer()
		err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			t.metrics.watchErrors.WithLabelValues(resourcePods).Inc()
			t.log.Debug("watching pods failed", zap.String("namespace", namespace), zap.Error(err))
		})
		if err != nil {
			t.log.Error("preparing the watch of pods failed", zap.Error(err))
			continue
		}
		own, stop := context.WithCancel(ctx)
		watch := &pods{informer: informer, stop: stop, ended: make(chan struct{})}
		go func() {
			defer close(watch.ended)
			informer.RunWithContext(own)
		}()
		t.mu.Lock()
		t.watched[namespace] = watch
		t.mu.Unlock()
	}
}

func (t *targets) watch(namespace string) *pods {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.watched[namespace]
}

// end ends the watches of all other namespaces and waits for them.
func (t *targets) end(wanted map[string]map[place]bool) {
	t.mu.Lock()
	var ending []*pods
	for namespace, watch := range t.watched {
		if wanted[namespace] == nil {
			ending = append(ending, watch)
			delete(t.watched, namespace)
		}
	}
	t.mu.Unlock()
	for _, watch := range ending {
		watch.stop()
		<-watch.ended
	}
}

// choose reads the selectors that are not known or too old, and returns when to look again.
func (t *targets) choose(ctx context.Context, places map[string]map[place]bool) time.Duration {
	t.mu.Lock()
	for p := range t.choices {
		if !places[p.namespace][p] {
			delete(t.choices, p)
		}
	}
	t.mu.Unlock()
	again := selectorLife
	for _, here := range places {
		for p := range here {
			if c, known := t.choice(p); known && time.Now().Before(c.until) {
				again = min(again, time.Until(c.until))
				continue
			}
			c := t.read(ctx, p)
			if ctx.Err() != nil {
				return again
			}
			t.mu.Lock()
			t.choices[p] = c
			t.mu.Unlock()
			again = min(again, time.Until(c.until))
		}
	}
	return max(again, time.Second)
}

func (t *targets) choice(p place) (choice, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, known := t.choices[p]
	return c, known
}

// read asks for a selector; if that fails, the one known before stays.
func (t *targets) read(ctx context.Context, p place) choice {
	bounded, cancel := context.WithTimeout(ctx, scaleTimeout)
	defer cancel()
	selector, err := t.scales.Selector(bounded, p.namespace, p.Scaled)
	if err == nil && selector.Empty() {
		err = errors.New("the scale's selector is empty, which would mean every pod")
	}
	if err == nil {
		return choice{selector: selector, until: time.Now().Add(selectorLife)}
	}
	before, known := t.choice(p)
	if ctx.Err() == nil {
		t.metrics.failures.WithLabelValues(requestScale).Inc()
		if !known || before.err == nil || before.err.Error() != err.Error() {
			t.log.Warn("reading a scale failed", zap.String("namespace", p.namespace), zap.String("kind", p.Kind), zap.String("name", p.Name), zap.Error(err))
		}
	}
	return choice{selector: before.selector, err: err, until: time.Now().Add(scaleRetry)}
}

// list returns every target with its pods, as they are known now.
func (t *targets) list() []Target {
	t.mu.Lock()
	all := t.all
	t.mu.Unlock()
	list, listed := make([]Target, 0, len(all)), map[string][]any{}
	for _, a := range all {
		if len(a.asks) == 0 {
			continue
		}
		target := Target{
			Autoscaler: a.Autoscaler, Scaled: a.scaled, Subscriptions: a.subscriptions(), Min: a.min, Max: a.max, Current: a.current,
			Window: a.window, Settings: a.settings,
		}
		target.Pods, target.Err = t.pods(place{a.Namespace, a.scaled}, listed)
		list = append(list, target)
	}
	return list
}

// pods returns those of a place. Listed are the pods of the namespaces that were looked at before: a list is a copy.
func (t *targets) pods(p place, listed map[string][]any) ([]Pod, error) {
	c, _ := t.choice(p)
	watch := t.watch(p.namespace)
	switch {
	case c.selector == nil && c.err != nil:
		return nil, fmt.Errorf("reading the scale of %s %s: %w", p.Kind, p.Name, c.err)
	case c.selector == nil:
		return nil, errUnread
	case watch == nil || !watch.informer.HasSynced():
		return nil, fmt.Errorf("the pods of namespace %s have not been listed yet", p.namespace)
	}
	here, known := listed[p.namespace]
	if !known {
		here = watch.informer.GetStore().List()
		listed[p.namespace] = here
	}
	var found []Pod
	for _, object := range here {
		raw, ok := object.(*corev1.Pod)
		if !ok || !c.selector.Matches(labels.Set(raw.Labels)) {
			continue
		}
		if pod, runs := podOf(raw); runs {
			found = append(found, pod)
		}
	}
	byName(found)
	return found, nil
}

// Targets returns what the autoscalers scale, with the pods as they are known now.
func (w *Watcher) Targets() []Target { return w.targets.list() }
