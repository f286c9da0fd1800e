package monitoring

import (
	"fmt"
	"testing"

	"go.uber.org/zap"
)

// crowd has 10,000 subscriptions and an hour of samples.
func crowd(b *testing.B) *world {
	b.Helper()
	w := &world{now: epoch}
	for i := range 10_000 {
		w.state.Subscriptions = append(w.state.Subscriptions, SubscriptionState{
			Project: "p", ID: fmt.Sprintf("sub-%05d", i), Undelivered: int64(i),
			Acked: map[string]int64{"pull": 1}, Sent: map[string]int64{"pull": 1},
		})
	}
	w.server = New(Options{}, w, w.clock, zap.NewNop())
	for range 60 {
		w.now = w.server.nextDue(w.now)
		w.server.sample(w.now)
	}
	return w
}

func BenchmarkSampleTenThousandSubscriptions(b *testing.B) {
	w := crowd(b)
	for b.Loop() {
		w.now = w.server.nextDue(w.now)
		w.server.sample(w.now)
	}
}

func BenchmarkListTheNewestPointOfTenThousandSubscriptions(b *testing.B) {
	w := crowd(b)
	v := &service{server: w.server}
	req := w.request(undeliveredMetric)
	req.Interval.StartTime = at(57 * minute) // The sample of minute 58 is the newest that can be seen.
	for b.Loop() {
		resp, err := v.ListTimeSeries(b.Context(), req)
		if err != nil || len(resp.GetTimeSeries()) != len(w.state.Subscriptions) {
			b.Fatal(len(resp.GetTimeSeries()), err)
		}
	}
}

func BenchmarkParseFilter(b *testing.B) {
	const filter = `metric.type = "pubsub.googleapis.com/subscription/num_undelivered_messages" AND ` +
		`resource.labels.subscription_id = one_of("orders", "mails", "events")`
	for b.Loop() {
		if _, err := parseFilter(filter); err != nil {
			b.Fatal(err)
		}
	}
}
