package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"spillway/internal/ask"
	"spillway/internal/backlog"
	"spillway/internal/lifecycle"
)

// The resources that are watched, as metrics call them.
const (
	resourceAutoscalers = "horizontalpodautoscalers"
	resourcePods        = "pods"
)

const (
	// settle is how long changes are gathered before the wants are said anew: a list arrives as many changes.
	settle = 100 * time.Millisecond
	// judgeInterval is the time from one look at the board, for subscriptions that turn out not to exist, to the next.
	judgeInterval = time.Minute
)

// Options is what is watched and what it means.
type Options struct {
	// Namespaces are watched; none means all.
	Namespaces []string
	// Book has the names of our metrics.
	Book *ask.Book
	// Project is whose a subscription is when a selector names no project; may be empty.
	Project string
	// Whole reports whether every subscription of a project is read; nil means of none.
	Whole func(project string) bool
	// Check says what is wrong with an autoscaler's annotations that begin with spillway/, by what follows; nil checks nothing. It is
	// called from several goroutines.
	Check func(settings map[string]string) []SettingFault
	// Wants is told everything that the autoscalers want, whenever that changes; never twice at a time.
	Wants func([]backlog.Want)
	// Board says which of it does not exist or may not be read; nil says nothing.
	Board backlog.Board
	// Now is the clock.
	Now func() time.Time
}

// Watcher knows the autoscalers of a cluster that ask for our metrics. Make it with NewWatcher and Run it once. Its other
// methods are safe for concurrent use.
type Watcher struct {
	opts      Options
	client    kubernetes.Interface
	reader    reader
	teller    *teller
	targets   *targets
	metrics   *metrics
	log       *zap.Logger
	changed   chan struct{}
	informers []cache.SharedIndexInformer

	mu          sync.Mutex
	autoscalers map[Autoscaler]*autoscaler
	lastError   error // of a list or watch, until the next success

	shown map[series]bool // the faults that are series; the loop's alone
}

// NewWatcher returns a watcher over the cluster's client. Scales reads scale subresources; nil leaves Targets empty.
func NewWatcher(client kubernetes.Interface, scales Scales, opts Options, reg prometheus.Registerer, log *zap.Logger) *Watcher {
	m := newMetrics(reg)
	return &Watcher{
		opts: opts, client: client, reader: reader{opts.Book, opts.Project, opts.Whole, opts.Check},
		teller: newTeller(client, m, opts.Now, log), targets: newTargets(client, scales, m, log),
		metrics: m, log: log, changed: make(chan struct{}, 1), autoscalers: map[Autoscaler]*autoscaler{},
	}
}

// Run watches until ctx is done and everything that it started has ended.
func (w *Watcher) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	namespaces := slices.Compact(slices.Sorted(slices.Values(w.opts.Namespaces)))
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var started []cache.SharedIndexInformer
	for _, namespace := range namespaces {
		informer, err := w.informer(namespace)
		if err != nil {
			return err
		}
		started = append(started, informer)
	}
	w.mu.Lock()
	w.informers = started
	w.mu.Unlock()
	for _, informer := range started {
		group.Go(func() { informer.RunWithContext(ctx) })
	}
	group.Go(func() { w.teller.run(ctx) })
	group.Go(func() { w.targets.run(ctx) })
	w.loop(ctx)
	return nil
}

func (w *Watcher) informer(namespace string) (cache.SharedIndexInformer, error) {
	factory := informers.NewSharedInformerFactoryWithOptions(w.client, 0, informers.WithNamespace(namespace), informers.WithTransform(slim))
	informer := factory.Autoscaling().V2().HorizontalPodAutoscalers().Informer()
	err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		w.metrics.watchErrors.WithLabelValues(resourceAutoscalers).Inc()
		w.failed(err)
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the watch of autoscalers: %w", err)
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    w.seen,
		UpdateFunc: func(_, object any) { w.seen(object) },
		DeleteFunc: w.gone,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the watch of autoscalers: %w", err)
	}
	return informer, nil
}

// failed notes why a list or watch failed, and logs it when it is another reason.
func (w *Watcher) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lastError == nil || w.lastError.Error() != err.Error() {
		w.log.Warn("watching autoscalers failed", zap.Error(err))
	}
	w.lastError = err
}

// Ready returns nil when every autoscaler has been seen once, else why not.
func (w *Watcher) Ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.informers) == 0 {
		return errors.New("the watch of autoscalers is starting")
	}
	for _, informer := range w.informers {
		if !informer.HasSynced() {
			if w.lastError != nil {
				return fmt.Errorf("the autoscalers have not been listed: %w", w.lastError)
			}
			return errors.New("the autoscalers have not been listed yet")
		}
	}
	return nil
}

// seen reads an autoscaler that is new or has changed.
func (w *Watcher) seen(object any) {
	hpa, ok := object.(*autoscalingv2.HorizontalPodAutoscaler)
	if !ok {
		return
	}
	w.put(Autoscaler{hpa.Namespace, hpa.Name}, w.reader.read(hpa))
}

// gone forgets an autoscaler that was deleted, perhaps while nobody watched.
func (w *Watcher) gone(object any) {
	if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	if hpa, ok := object.(*autoscalingv2.HorizontalPodAutoscaler); ok {
		w.put(Autoscaler{hpa.Namespace, hpa.Name}, nil)
	}
}

func (w *Watcher) put(name Autoscaler, a *autoscaler) {
	w.mu.Lock()
	before := w.autoscalers[name]
	if a == nil {
		delete(w.autoscalers, name)
	} else {
		w.autoscalers[name] = a
	}
	w.lastError = nil
	w.mu.Unlock()
	if before == nil && a == nil {
		return
	}
	select {
	case w.changed <- struct{}{}:
	default: // a change that nobody has looked at yet stands for this one too
	}
}

// loop says what is wanted after changes, and tells faults after changes and now and then.
func (w *Watcher) loop(ctx context.Context) {
	judge := time.NewTicker(judgeInterval)
	defer judge.Stop()
	var last []backlog.Want
	said := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-judge.C:
		case <-w.changed:
			if !lifecycle.Sleep(ctx, settle) {
				return
			}
		}
		all := w.all()
		if wants := wantsOf(all); w.opts.Wants != nil && (!said || !slices.EqualFunc(wants, last, equalWants)) {
			w.opts.Wants(wants)
			last, said = wants, true
		}
		w.targets.set(all)
		w.judge(all)
	}
}

// all returns the autoscalers in order.
func (w *Watcher) all() []*autoscaler {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.SortedFunc(maps.Values(w.autoscalers), func(a, b *autoscaler) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

func wantsOf(all []*autoscaler) []backlog.Want {
	var wants []backlog.Want
	for _, a := range all {
		wants = append(wants, a.wants()...)
	}
	return wants
}

func equalWants(a, b backlog.Want) bool {
	return a.Subscription == b.Subscription && a.By == b.By && slices.Equal(a.Metrics, b.Metrics)
}
