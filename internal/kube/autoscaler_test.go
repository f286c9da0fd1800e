package kube

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

func TestReadAutoscaler(t *testing.T) {
	expression := external(undelivered)
	expression.External.Metric.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "resource.labels.subscription_id", Operator: metav1.LabelSelectorOpIn, Values: []string{"orders", "offers"}},
	}}
	broken := external(undelivered)
	broken.External.Metric.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "x", Operator: "Near"}}}
	cpu := autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu"}}
	tests := []struct {
		name    string
		metrics []autoscalingv2.MetricSpec
		want    []backlog.Subscription
		reason  ask.Reason
		says    string
		nothing bool
	}{
		{name: "the Stackdriver adapter's spelling", metrics: []autoscalingv2.MetricSpec{external(undelivered, "resource.labels.subscription_id", "offers", "resource.labels.project_id", "shop")}, want: []backlog.Subscription{offers}},
		{name: "stackdriver_exporter's", metrics: []autoscalingv2.MetricSpec{external("stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages", "subscription_id", "offers")}, want: []backlog.Subscription{offers}},
		{name: "the short one", metrics: []autoscalingv2.MetricSpec{external("pubsub_subscription_num_undelivered_messages", "subscription_id", "offers", "project_id", "other-shop")}, want: []backlog.Subscription{{Project: "other-shop", ID: "offers"}}},
		{name: "several, once each", metrics: []autoscalingv2.MetricSpec{expression, external(undelivered, "subscription_id", "offers"), cpu}, want: []backlog.Subscription{offers, orders}},
		{name: "CPU alone", metrics: []autoscalingv2.MetricSpec{cpu}, nothing: true},
		{name: "somebody else's metric", metrics: []autoscalingv2.MetricSpec{external("s0-redis", "scaledobject.keda.sh/name", "x")}, nothing: true},
		{name: "external without external", metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ExternalMetricSourceType}}, nothing: true},
		{name: "no selector", metrics: []autoscalingv2.MetricSpec{external(undelivered)}, reason: ask.NoSubscription, says: "names no subscription"},
		{name: "an empty selector", metrics: []autoscalingv2.MetricSpec{external(undelivered, "project_id", "shop")}, reason: ask.NoSubscription, says: "names no subscription"},
		{name: "a misspelt key", metrics: []autoscalingv2.MetricSpec{external(undelivered, "resource.labels.subscription", "offers")}, reason: ask.NoSubscription, says: "Did you mean subscription_id"},
		{name: "a misspelt metric", metrics: []autoscalingv2.MetricSpec{external("pubsub_subscription_num_undeliverd_messages", "subscription_id", "offers")}, reason: ask.UnknownMetric, says: "Did you mean"},
		{name: "what is no selector", metrics: []autoscalingv2.MetricSpec{broken}, reason: ask.BadSelector, says: "does not parse"},
		{name: "what is no subscription", metrics: []autoscalingv2.MetricSpec{external(undelivered, "subscription_id", "of")}, reason: ask.BadSubscription, says: "3 to 255"},
	}
	r := &reader{book: ask.NewBook(backlog.Definitions()), project: "shop"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := r.read(hpa("web", "shop", tt.metrics...))
			if tt.nothing {
				if a != nil {
					t.Fatalf("it asks for %v", a)
				}
				return
			}
			if diff := cmp.Diff(tt.want, a.subscriptions()); diff != "" {
				t.Errorf("subscriptions (-want +got):\n%s", diff)
			}
			if tt.reason == "" {
				if len(a.faults) > 0 {
					t.Errorf("faults %v", a.faults)
				}
				return
			}
			if len(a.faults) != 1 || a.faults[0].reason != tt.reason || !strings.Contains(a.faults[0].message, tt.says) {
				t.Errorf("faults %v, want %s about %q", a.faults, tt.reason, tt.says)
			}
		})
	}
	t.Run("every subscription of a project that is read whole", func(t *testing.T) {
		r := &reader{book: r.book, project: "shop", whole: func(p string) bool { return p == "shop" }}
		if a := r.read(hpa("web", "shop", external(undelivered))); len(a.faults) > 0 || len(a.wants()) > 0 {
			t.Errorf("faults %v, wants %v", a.faults, a.wants())
		}
	})
}

func TestWantsNameTheMetricAndWhoAsks(t *testing.T) {
	r := &reader{book: ask.NewBook(append(backlog.Definitions(), backlog.Definition{Metric: backlog.Backlog})), project: "shop"}
	a := r.read(hpa("web", "shop", external("pubsub_subscription_backlog_bytes", "subscription_id", "offers"), external("pubsub_subscription_unacked_messages", "subscription_id", "orders")))
	want := []backlog.Want{
		{Subscription: offers, Metrics: []backlog.Metric{"pubsub.googleapis.com/subscription/backlog_bytes"}, By: "hpa web/shop"},
		{Subscription: orders, By: "hpa web/shop"},
	}
	if diff := cmp.Diff(want, a.wants()); diff != "" {
		t.Errorf("wants (-want +got):\n%s", diff)
	}
}
