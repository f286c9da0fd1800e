package kube

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"

	"spillway/internal/backlog"
)

func TestWants(t *testing.T) {
	play(t, nil, func(s *scene) {
		if err := s.watcher.Ready(); err != nil {
			t.Fatal(err)
		}
		expect := func(what string, want map[backlog.Subscription]string) {
			t.Helper()
			if diff := cmp.Diff(want, s.wanted()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		expect("at start", map[backlog.Subscription]string{offers: "hpa web/offers"})

		s.apply(hpa("batch", "orders", external(undelivered, "subscription_id", "orders")))
		expect("one more", map[backlog.Subscription]string{offers: "hpa web/offers", orders: "hpa batch/orders"})

		said := s.said
		same := hpa("batch", "orders", external(undelivered, "subscription_id", "orders"))
		same.Status.CurrentReplicas = 7
		s.apply(same)
		if s.said != said {
			t.Error("a change that concerns nobody is passed on")
		}

		s.apply(hpa("web", "offers", external("s0-redis", "a", "b")))
		expect("one changed his mind", map[backlog.Subscription]string{orders: "hpa batch/orders"})

		if err := s.client.AutoscalingV2().HorizontalPodAutoscalers("batch").Delete(s.t.Context(), "orders", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		s.pass(time.Second)
		expect("none left", map[backlog.Subscription]string{})
		if n := testutil.ToFloat64(s.watcher.metrics.autoscalers); n != 0 {
			t.Errorf("%g autoscalers are counted", n)
		}
	}, hpa("web", "offers", external(undelivered, "subscription_id", "offers")), hpa("web", "other", external("s0-redis", "a", "b")))
}

func TestChosenNamespaces(t *testing.T) {
	play(t, func(_ *scene, o *Options) { o.Namespaces = []string{"web", "batch", "web"} }, func(s *scene) {
		if diff := cmp.Diff(map[backlog.Subscription]string{offers: "hpa web/offers"}, s.wanted()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}, hpa("web", "offers", external(undelivered, "subscription_id", "offers")), hpa("secret", "orders", external(undelivered, "subscription_id", "orders")))
}

func TestFaultsAreToldOnce(t *testing.T) {
	play(t, nil, func(s *scene) {
		expect := func(what string, reasons ...string) {
			t.Helper()
			var got []string
			for _, e := range s.events() {
				got = append(got, e.InvolvedObject.Name+" "+e.Reason)
			}
			slices.Sort(got)
			if diff := cmp.Diff(reasons, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		expect("at start", "lost NoSubscription")
		e := s.events()[0]
		if e.Type != corev1.EventTypeWarning || !strings.Contains(e.Message, "names no subscription") || e.InvolvedObject.UID != "web/lost" || e.InvolvedObject.Kind != "HorizontalPodAutoscaler" {
			t.Errorf("event %+v", e)
		}
		s.pass(time.Hour)
		expect("an hour later", "lost NoSubscription")

		s.board.say(offers, backlog.ReasonGap)
		s.pass(2 * judgeInterval)
		expect("a gap is no fault", "lost NoSubscription")

		s.board.say(offers, backlog.ReasonMissing)
		s.pass(2 * judgeInterval)
		expect("a subscription that is not there", "lost NoSubscription", "offers SubscriptionNotFound")
		s.board.say(offers, backlog.ReasonForbidden)
		s.pass(2 * judgeInterval)
		expect("one that may not be read", "lost NoSubscription", "offers PermissionDenied", "offers SubscriptionNotFound")

		want := `
			# HELP pubsub_exporter_autoscaler_fault 1 for an HorizontalPodAutoscaler that asks for something that cannot be answered, by reason; the Event on it says more.
			# TYPE pubsub_exporter_autoscaler_fault gauge
			pubsub_exporter_autoscaler_fault{horizontalpodautoscaler="lost",namespace="web",reason="NoSubscription"} 1
			pubsub_exporter_autoscaler_fault{horizontalpodautoscaler="offers",namespace="web",reason="PermissionDenied"} 1
		`
		if err := testutil.GatherAndCompare(s.reg, strings.NewReader(want), "pubsub_exporter_autoscaler_fault"); err != nil {
			t.Error(err)
		}
		s.board.say(offers, backlog.ReasonNone)
		s.apply(hpa("web", "lost", external(undelivered, "subscription_id", "orders")))
		if n := testutil.CollectAndCount(s.watcher.metrics.faults); n != 0 {
			t.Errorf("%d faults are shown after all are cured", n)
		}
	}, hpa("web", "offers", external(undelivered, "subscription_id", "offers")), hpa("web", "lost", external(undelivered)))
}

func TestTwoExportersTellOnce(t *testing.T) {
	play(t, nil, func(s *scene) {
		other := newTeller(s.client, s.watcher.metrics, time.Now, s.watcher.log)
		other.tell(s.watcher.all()[0], s.watcher.all()[0].faults[0])
		if err := other.write(s.t.Context(), other.next()); err != nil {
			t.Error(err)
		}
		if n := len(s.events()); n != 1 {
			t.Errorf("%d events", n)
		}
	}, hpa("web", "lost", external(undelivered)))
}

func TestEventsInAnOutage(t *testing.T) {
	var away atomic.Bool
	away.Store(true)
	prepare := func(s *scene, _ *Options) {
		s.client.PrependReactor("create", "events", func(clienttesting.Action) (bool, runtime.Object, error) {
			return away.Load(), nil, errAway
		})
	}
	play(t, prepare, func(s *scene) {
		s.pass(5 * time.Minute)
		if len(s.wanted()) != 1 {
			t.Error("what is wanted waits for events")
		}
		if n := testutil.ToFloat64(s.watcher.metrics.failures.WithLabelValues(requestEvent)); n < 20 {
			t.Errorf("%g failures are counted", n)
		}
		away.Store(false)
		s.pass(tellRetry)
		if n := len(s.events()); n != 1 {
			t.Errorf("%d events after the outage", n)
		}
	}, hpa("web", "lost", external(undelivered)), hpa("web", "offers", external(undelivered, "subscription_id", "offers")))
}

func TestAClusterThatRefuses(t *testing.T) {
	var refuses atomic.Bool
	refuses.Store(true)
	prepare := func(s *scene, _ *Options) {
		s.client.PrependReactor("list", resourceAutoscalers, func(clienttesting.Action) (bool, runtime.Object, error) {
			return refuses.Load(), nil, apierrors.NewForbidden(schema.GroupResource{Resource: resourceAutoscalers}, "", errAway)
		})
		s.client.PrependWatchReactor(resourceAutoscalers, func(clienttesting.Action) (bool, watch.Interface, error) {
			return refuses.Load(), nil, apierrors.NewForbidden(schema.GroupResource{Resource: resourceAutoscalers}, "", errAway)
		})
	}
	play(t, prepare, func(s *scene) {
		s.pass(10 * time.Minute)
		if err := s.watcher.Ready(); err == nil || !strings.Contains(err.Error(), "forbidden") {
			t.Errorf("readiness says %v", err)
		}
		if n := testutil.ToFloat64(s.watcher.metrics.watchErrors.WithLabelValues(resourceAutoscalers)); n < 5 {
			t.Errorf("%g failures are counted", n)
		}
		refuses.Store(false)
		s.pass(2 * time.Minute)
		if err := s.watcher.Ready(); err != nil {
			t.Error(err)
		}
		if len(s.wanted()) != 1 {
			t.Errorf("wanted: %v", s.wanted())
		}
		refuses.Store(true) // from now on what was seen stays
		s.pass(10 * time.Minute)
		if err := s.watcher.Ready(); err != nil || len(s.wanted()) != 1 {
			t.Errorf("in an outage: %v, wanted %v", err, s.wanted())
		}
	}, hpa("web", "offers", external(undelivered, "subscription_id", "offers")))
}

func TestNotReadyBeforeRun(t *testing.T) {
	w := NewWatcher(nil, nil, Options{Now: time.Now}, nil, nil)
	if w.Ready() == nil {
		t.Fatal("ready without having seen anything")
	}
}
