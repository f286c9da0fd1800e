package pull

import (
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestUnaryPullTakesWhatCanBeHandledAtOnce(t *testing.T) {
	w, e := newWorld(t, func(*pubsubpb.Subscription) {}), newEffects()
	w.publish(t, 20, 0)
	release := make(chan struct{})
	slow := func(o *Options) { o.Unary, o.Handlers, o.Streams = true, 3, 2 }
	s, stop := subscriber(t, w.addr, 30, func(d *Delivery) Fate { <-release; e.note(d); return Acked }, slow)
	eventually(t, "three are lent", func() bool { n, _ := s.Outstanding(); return n == 3 })
	_, stopOther := subscriber(t, w.addr, 30, func(d *Delivery) Fate { e.note(d); return Acked })
	eventually(t, "another process has all others at once", func() bool { return e.unique() == 17 })
	if n, _ := s.Outstanding(); n != 3 {
		t.Errorf("%d are lent to three handlers", n)
	}
	if err := s.Ready(); err != nil {
		t.Errorf("it pulls, and is not ready: %v", err)
	}
	close(release)
	eventually(t, "all are handled", func() bool { return e.unique() == 20 })
	stop()
	stopOther()
	if n := e.duplicated(); n > 0 {
		t.Errorf("%d duplicated", n)
	}
}

func TestUnaryPullKeepsLeases(t *testing.T) {
	w, e := newWorld(t, func(s *pubsubpb.Subscription) { s.AckDeadlineSeconds = 10 }), newEffects()
	release := make(chan struct{})
	_, stop := subscriber(t, w.addr, 10, func(d *Delivery) Fate { <-release; e.note(d); return Acked }, func(o *Options) { o.Unary = true })
	w.publish(t, 5, 0)
	time.AfterFunc(12*time.Second, func() { close(release) }) // Longer than the subscription's own lease.
	eventually(t, "all are handled", func() bool { return e.unique() == 5 })
	stop()
	if n := e.duplicated(); n > 0 {
		t.Errorf("%d duplicated", n)
	}
}

func TestUnaryPullOfAMissingSubscriptionWaitsForIt(t *testing.T) {
	w, e := newWorld(t, func(s *pubsubpb.Subscription) { s.MessageRetentionDuration = durationpb.New(time.Hour) }), newEffects()
	name := &pubsubpb.DeleteSubscriptionRequest{Subscription: "projects/shop/subscriptions/offers"}
	if err := w.client.SubscriptionAdminClient.DeleteSubscription(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	s, stop := subscriber(t, w.addr, 10, func(d *Delivery) Fate { e.note(d); return Acked }, func(o *Options) { o.Unary = true })
	defer stop()
	eventually(t, "it is counted", func() bool {
		return testutil.ToFloat64(s.metrics.restarts.WithLabelValues("offers", "NotFound")) > 0
	})
	if s.Ready() == nil {
		t.Error("it is ready without a subscription")
	}
	again := &pubsubpb.Subscription{Name: "projects/shop/subscriptions/offers", Topic: "projects/shop/topics/offers"}
	if _, err := w.client.SubscriptionAdminClient.CreateSubscription(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	w.publish(t, 5, 0)
	eventually(t, "it works once the subscription is there", func() bool { return e.unique() == 5 && s.Ready() == nil })
}
