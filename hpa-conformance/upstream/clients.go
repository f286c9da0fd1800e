package upstream

import (
	"context"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	autoscalinglisters "k8s.io/client-go/listers/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	scaleclient "k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"

	"spillway/internal/hpa"
)

// Each client is one of client-go's interfaces with the methods that the controller calls; any other would panic.

type scales struct {
	scaleclient.ScaleInterface
	cluster *cluster
}

func (s scales) Scales(string) scaleclient.ScaleInterface { return s }

func (s scales) Get(ctx context.Context, target schema.GroupResource, name string, o metav1.GetOptions) (*autoscalingv1.Scale, error) {
	return s.cluster.Get(ctx, target, name, o)
}

func (s scales) Update(ctx context.Context, target schema.GroupResource, scale *autoscalingv1.Scale, o metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	return s.cluster.Update(ctx, target, scale, o)
}

type autoscalers struct {
	autoscalingclient.HorizontalPodAutoscalerInterface
	cluster *cluster
}

func (a autoscalers) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return a
}

func (a autoscalers) UpdateStatus(ctx context.Context, h *autoscalingv2.HorizontalPodAutoscaler, o metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	return a.cluster.UpdateStatus(ctx, h, o)
}

// informer is one whose store is filled by hand.
type informer struct {
	cache.SharedIndexInformer
	keep *cache.ResourceEventHandler
}

func (i informer) HasSynced() bool { return true }

func (i informer) AddEventHandlerWithResyncPeriod(h cache.ResourceEventHandler, _ time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	*i.keep = h
	return nil, nil
}

type hpaInformer struct{ cluster *cluster }

func (i hpaInformer) Informer() cache.SharedIndexInformer { return informer{keep: &i.cluster.handler} }

func (i hpaInformer) Lister() autoscalinglisters.HorizontalPodAutoscalerLister {
	return autoscalinglisters.NewHorizontalPodAutoscalerLister(i.cluster.hpas)
}

type podInformer struct{ cluster *cluster }

func (i podInformer) Informer() cache.SharedIndexInformer {
	return informer{keep: new(cache.ResourceEventHandler)}
}

func (i podInformer) Lister() corelisters.PodLister { return corelisters.NewPodLister(i.cluster.pods) }

// events takes what the recorder sends to the API server, to no effect: the log has heard it.
type events struct{ coreclient.EventInterface }

func (e events) Events(string) coreclient.EventInterface { return e }

func (events) CreateWithEventNamespace(e *corev1.Event) (*corev1.Event, error) { return e, nil }

func (events) PatchWithEventNamespace(e *corev1.Event, _ []byte) (*corev1.Event, error) {
	return e, nil
}

// readings is the metrics client of the controller. An empty answer is an error, as it is of the client in the real controller-manager.
type readings struct{ cluster *cluster }

func (r readings) read(source hpa.Source, name, container string) (hpa.Metric, error) {
	r.cluster.mu.Lock()
	defer r.cluster.mu.Unlock()
	for i, m := range r.cluster.spec.Metrics {
		if m.Source != source || m.Name != name || m.Container != container || i >= len(r.cluster.step.Scene.Metrics) {
			continue
		}
		got := r.cluster.step.Scene.Metrics[i]
		if got.Err == nil && len(got.Items) == 0 && len(got.Samples) == 0 {
			got.Err = hpa.ErrNoItems
		}
		return got, got.Err
	}
	return hpa.Metric{}, hpa.ErrNoItems
}

func (r readings) perPod(source hpa.Source, name, container string) (metrics.PodMetricsInfo, time.Time, error) {
	m, err := r.read(source, name, container)
	if err != nil {
		return nil, time.Time{}, err
	}
	info := make(metrics.PodMetricsInfo, len(m.Samples))
	for _, s := range m.Samples {
		info[s.Pod] = metrics.PodMetric{Timestamp: s.At, Window: s.Window, Value: int64(s.Value)}
	}
	return info, time.Now(), nil
}

func (r readings) GetResourceMetric(_ context.Context, name corev1.ResourceName, _ string, _ labels.Selector, container string) (metrics.PodMetricsInfo, time.Time, error) {
	source := hpa.Resource
	if container != "" {
		source = hpa.ContainerResource
	}
	return r.perPod(source, string(name), container)
}

func (r readings) GetRawMetric(name, _ string, _, _ labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	return r.perPod(hpa.PodsMetric, name, "")
}

func (r readings) GetObjectMetric(name, _ string, _ *autoscalingv2.CrossVersionObjectReference, _ labels.Selector) (int64, time.Time, error) {
	m, err := r.read(hpa.Object, name, "")
	if err != nil {
		return 0, time.Time{}, err
	}
	return int64(m.Items[0]), time.Now(), nil
}

func (r readings) GetExternalMetric(name, _ string, _ labels.Selector) ([]int64, time.Time, error) {
	m, err := r.read(hpa.External, name, "")
	if err != nil {
		return nil, time.Time{}, err
	}
	values := make([]int64, 0, len(m.Items))
	for _, v := range m.Items {
		values = append(values, int64(v))
	}
	return values, time.Now(), nil
}
