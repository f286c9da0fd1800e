package monitoring

import (
	"fmt"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"
)

// busy is a state with something to say about every metric.
func busy() State {
	return State{
		Topics: []TopicState{{
			Project: "p", ID: "events", Messages: 4, Bytes: 1000,
			SendRequests: map[string]int64{"OK": 3, "INVALID_ARGUMENT": 2, "UNAVAILABLE": 1},
		}},
		Subscriptions: []SubscriptionState{{
			Project: "p", ID: "orders", Undelivered: 7, OldestUnacked: epoch.Add(-90*time.Second - 1), BacklogBytes: 700,
			Outstanding: map[string]int64{"push": 4, "pull": 2}, Acked: map[string]int64{"push": 1, "pull": 20},
			Sent: map[string]int64{"push": 2, "pull": 30}, DeadLettered: 3, Nacks: 5, ExpiredDeadlines: 6, Seeks: 0,
		}},
	}
}

func TestEveryMetricIsComputedFromTheTruth(t *testing.T) {
	const sub, topic = "project_id=p,subscription_id=orders", "project_id=p,topic_id=events"
	want := map[string][]string{
		"subscription/num_undelivered_messages":             {sub + ": 7"},
		"subscription/num_unacked_messages_by_region":       {"project_id=p,region=eu,subscription_id=orders: 4", "project_id=p,region=us,subscription_id=orders: 3"},
		"subscription/oldest_unacked_message_age":           {sub + ": 150"},
		"subscription/oldest_unacked_message_age_by_region": {"project_id=p,region=eu,subscription_id=orders: 150", "project_id=p,region=us,subscription_id=orders: 150"},
		"subscription/backlog_bytes":                        {sub + ": 700"},
		"subscription/unacked_bytes_by_region":              {"project_id=p,region=eu,subscription_id=orders: 350", "project_id=p,region=us,subscription_id=orders: 350"},
		"subscription/num_outstanding_messages":             {sub + ": 4"},
		"subscription/ack_message_count":                    {"delivery_type=pull," + sub + ": 20", "delivery_type=push," + sub + ": 1"},
		"subscription/sent_message_count":                   {"delivery_type=pull," + sub + ": 30", "delivery_type=push," + sub + ": 2"},
		"subscription/dead_letter_message_count":            {"project_id=p,response_code=success,subscription_id=orders: 3"},
		"subscription/nack_requests":                        {sub + ": 5"},
		"subscription/expired_ack_deadlines_count":          {sub + ": 6"},
		"subscription/delivery_latency_health_score": {
			"criteria=expired_ack_deadlines," + sub + ": 0", "criteria=nack_requests," + sub + ": 0",
			"criteria=seek_requests," + sub + ": 1", "criteria=utilization," + sub + ": 1",
		},
		"topic/message_sizes": {topic + ": 4"},
		"topic/send_request_count": {
			"project_id=p,response_class=internal,response_code=unavailable,topic_id=events: 1",
			"project_id=p,response_class=invalid,response_code=invalid_argument,topic_id=events: 2",
			"project_id=p,response_class=success,response_code=success,topic_id=events: 3",
		},
	}
	w := newWorld(t, Options{VisibilityDelay: NoDelay, Regions: []string{"eu", "us"}})
	w.state = busy()
	w.pass(minute)
	got := map[string][]string{}
	for _, m := range w.server.metrics {
		for _, ts := range w.list(w.request(m.name)).GetTimeSeries() {
			got[m.name] = append(got[m.name], describe(ts))
			if ts.GetMetricKind() != m.kind || ts.GetValueType() != m.value || ts.GetResource().GetType() != m.resource() {
				t.Errorf("%s: %s %s of %s", m.name, ts.GetMetricKind(), ts.GetValueType(), ts.GetResource().GetType())
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("first sample (-want +got):\n%s", diff)
	}
}

func TestMessageSizesHaveCountAndMean(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.state = busy()
	w.pass(minute)
	w.state.Topics[0].Messages, w.state.Topics[0].Bytes = 6, 1600
	w.pass(2 * minute)
	want := []string{"0 of 0", "2 of 300", "4 of 250"}
	var got []string
	for _, p := range w.list(w.request(sizesMetric)).GetTimeSeries()[0].GetPoints() {
		d := p.GetValue().GetDistributionValue()
		got = append(got, fmt.Sprint(d.GetCount(), " of ", d.GetMean()))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("message sizes (-want +got):\n%s", diff)
	}
}

func TestAnIdleSubscriptionReportsZeroUntilItIsDeleted(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.pass(2 * minute)
	for _, name := range []string{undeliveredMetric, "subscription/oldest_unacked_message_age", "subscription/nack_requests"} {
		if diff := cmp.Diff([]int64{0, 0}, w.ints(name)); diff != "" {
			t.Errorf("%s of an idle subscription (-want +got):\n%s", name, diff)
		}
	}
	for _, name := range []string{"subscription/num_outstanding_messages", ackMetric} {
		if got := w.ints(name); got != nil {
			t.Errorf("%s = %v, want no series before there was a push or an ack", name, got)
		}
	}
	w.state.Subscriptions = nil
	w.pass(2 * minute)
	if diff := cmp.Diff([]int64{0, 0}, w.ints(undeliveredMetric)); diff != "" {
		t.Errorf("two minutes after the deletion (-want +got):\n%s", diff)
	}
}

func TestAPushSubscriptionWithNothingOutstandingReportsZero(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.orders().Sent = map[string]int64{"push": 7}
	w.pass(minute)
	if diff := cmp.Diff([]int64{0}, w.ints("subscription/num_outstanding_messages")); diff != "" {
		t.Errorf("outstanding (-want +got):\n%s", diff)
	}
}

func TestAMessageFromTheFutureHasAgeZero(t *testing.T) {
	if got := ageSeconds(SubscriptionState{OldestUnacked: epoch.Add(time.Minute)}, epoch); got != 0 {
		t.Errorf("age %d, want 0", got)
	}
}

func TestRegionsAddUpToTheTotal(t *testing.T) {
	regions := []string{"a", "b", "c", "d", "e", "f", "g"}
	addUp := func(total uint32, n uint8) bool {
		var sum, least, most int64 = 0, 1 << 40, 0
		for _, r := range overRegions(int64(total), regions[:1+int(n)%len(regions)]) {
			sum, least, most = sum+r.value, min(least, r.value), max(most, r.value)
		}
		return sum == int64(total) && most-least <= 1
	}
	if err := quick.Check(addUp, nil); err != nil {
		t.Error(err)
	}
}

func TestARegionWithoutMessagesHasAgeZero(t *testing.T) {
	s := SubscriptionState{Undelivered: 1, OldestUnacked: epoch}
	rows := oldestAgeByRegion(s, moment{at: epoch.Add(minute), regions: []string{"eu", "us"}})
	if rows[0].value != 60 || rows[1].value != 0 {
		t.Errorf("ages %v, want 60 in the first region and 0 in the other", rows)
	}
}

func TestHealthLooksBackTenSamples(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.orders().Outstanding = map[string]int64{"push": pushUtilizationLimit}
	health := func() map[string]int64 {
		scores := map[string]int64{}
		for name, p := range w.server.Shown(w.clock(), "p", "orders") {
			if name > "delivery_latency_health_score" && name < "delivery_latency_health_scorf" {
				scores[name[len(`delivery_latency_health_score{criteria="`):len(name)-2]] = p.Value
			}
		}
		return scores
	}
	steps := []struct {
		what   string
		change func(*SubscriptionState)
		pass   time.Duration
		want   map[string]int64
	}{
		{"utilised", func(*SubscriptionState) {}, minute, map[string]int64{"utilization": 0, "nack_requests": 1, "expired_ack_deadlines": 1, "seek_requests": 1}},
		{"a nack", func(s *SubscriptionState) { s.Nacks++; s.Outstanding["push"]-- }, minute, map[string]int64{"utilization": 1, "nack_requests": 0, "expired_ack_deadlines": 1, "seek_requests": 1}},
		{"nine samples on", func(*SubscriptionState) {}, 9 * minute, map[string]int64{"utilization": 1, "nack_requests": 0, "expired_ack_deadlines": 1, "seek_requests": 1}},
		{"ten samples on", func(*SubscriptionState) {}, minute, map[string]int64{"utilization": 1, "nack_requests": 1, "expired_ack_deadlines": 1, "seek_requests": 1}},
		{"an expiry and a seek", func(s *SubscriptionState) { s.ExpiredDeadlines++; s.Seeks++ }, minute, map[string]int64{"utilization": 1, "nack_requests": 1, "expired_ack_deadlines": 0, "seek_requests": 0}},
		{"made again", func(s *SubscriptionState) { *s = SubscriptionState{Project: "p", ID: "orders"} }, 11 * minute, map[string]int64{"utilization": 1, "nack_requests": 1, "expired_ack_deadlines": 1, "seek_requests": 1}},
	}
	for _, step := range steps {
		step.change(w.orders())
		w.pass(step.pass)
		if diff := cmp.Diff(step.want, health()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
}

func TestHealthForgetsDeletedSubscriptions(t *testing.T) {
	w := newWorld(t, Options{})
	w.pass(minute)
	w.state.Subscriptions = nil
	w.pass(minute)
	if len(w.server.health) != 0 {
		t.Errorf("still remembers %v", w.server.health)
	}
}
