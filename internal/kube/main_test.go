package kube

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// klog flushes its buffers for as long as the process lives.
		goleak.IgnoreTopFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"),
	)
}

const undelivered = "pubsub.googleapis.com|subscription|num_undelivered_messages"

var (
	offers = backlog.Subscription{Project: "shop", ID: "offers"}
	orders = backlog.Subscription{Project: "shop", ID: "orders"}
)

// external is a metric of an autoscaler, with a selector of keys and values in turn.
func external(name string, selector ...string) autoscalingv2.MetricSpec {
	identifier := autoscalingv2.MetricIdentifier{Name: name}
	if len(selector) > 0 {
		identifier.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{}}
		for i := 0; i < len(selector); i += 2 {
			identifier.Selector.MatchLabels[selector[i]] = selector[i+1]
		}
	}
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{Metric: identifier}}
}

func hpa(namespace, name string, metrics ...autoscalingv2.MetricSpec) *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name)},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
			MaxReplicas:    20, Metrics: metrics,
		},
	}
}

func pod(namespace, name, app, address string, ready bool) *corev1.Pod {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": app}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}, {ContainerPort: 9999}}}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: address,
			Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: status}},
		},
	}
}

// byApp selects the pods whose app label is the scaled object's name.
type byApp struct {
	mu     sync.Mutex
	fails  error
	asked  int
	answer string // in place of the selector, if any
}

func (b *byApp) Selector(_ context.Context, _ string, of Scaled) (labels.Selector, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.fails != nil {
		return nil, b.fails
	}
	if b.answer != "" {
		return labels.Parse(b.answer)
	}
	return labels.SelectorFromSet(labels.Set{"app": of.Name}), nil
}

func (b *byApp) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails = err
}

// verdicts is a board that says why it knows nothing.
type verdicts struct {
	mu sync.Mutex
	of map[backlog.Subscription]backlog.Reason
}

func (v *verdicts) Answer(sub backlog.Subscription, _ backlog.Metric, _ time.Time) backlog.Answer {
	v.mu.Lock()
	defer v.mu.Unlock()
	return backlog.Answer{Reason: v.of[sub], Why: "it says " + string(v.of[sub])}
}

func (v *verdicts) say(sub backlog.Subscription, reason backlog.Reason) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.of[sub] = reason
}

func (v *verdicts) Subscriptions() []backlog.Subscription { return nil }
func (v *verdicts) Metrics() []backlog.Metric             { return nil }

// scene is a cluster with a watcher that runs in a bubble.
type scene struct {
	t       *testing.T
	client  *fake.Clientset
	scales  *byApp
	board   *verdicts
	watcher *Watcher
	reg     *prometheus.Registry

	mu    sync.Mutex
	wants []backlog.Want
	said  int
}

// play runs the story with a watcher over objects; prepare may change the cluster before the watcher starts.
func play(t *testing.T, prepare func(*scene, *Options), story func(*scene), objects ...runtime.Object) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{
			t: t, client: fake.NewClientset(objects...), scales: &byApp{},
			board: &verdicts{of: map[backlog.Subscription]backlog.Reason{}}, reg: prometheus.NewPedanticRegistry(),
		}
		opts := Options{
			Book: ask.NewBook(backlog.Definitions()), Project: "shop", Board: s.board, Now: time.Now,
			Wants: func(wants []backlog.Want) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.wants = wants
				s.said++
			},
		}
		if prepare != nil {
			prepare(s, &opts)
		}
		s.watcher = NewWatcher(s.client, s.scales, opts, s.reg, zaptest.NewLogger(t))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.watcher.Run(ctx) }()
		s.pass(time.Second)
		story(s)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the watcher ended with %v", err)
		}
	})
}

// pass lets time pass and everything that is due happen.
func (s *scene) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (s *scene) wanted() map[backlog.Subscription]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	by := map[backlog.Subscription]string{}
	for _, w := range s.wants {
		by[w.Subscription] = w.By
	}
	return by
}

func (s *scene) events() []corev1.Event {
	s.t.Helper()
	list, err := s.client.CoreV1().Events(metav1.NamespaceAll).List(s.t.Context(), metav1.ListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	return list.Items
}

func (s *scene) apply(h *autoscalingv2.HorizontalPodAutoscaler) {
	s.t.Helper()
	client := s.client.AutoscalingV2().HorizontalPodAutoscalers(h.Namespace)
	_, err := client.Update(s.t.Context(), h, metav1.UpdateOptions{})
	if err != nil {
		_, err = client.Create(s.t.Context(), h, metav1.CreateOptions{})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.pass(time.Second)
}

var errAway = errors.New("the API server is away")
