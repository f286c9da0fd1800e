package consume

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// values returns what a scrape would read of the plain counters and gauges.
func values(t *testing.T, reg prometheus.Gatherer, names ...string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		all[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	some := map[string]float64{}
	for _, name := range names {
		v, ok := all["pubsub_worker_"+name]
		if !ok {
			t.Errorf("there is no pubsub_worker_%s", name)
		}
		some[name] = v
	}
	return some
}

func TestSignalsForScalers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(4, 2, works(5*time.Second)) // Four messages at attempts 1 to 4, two at a time.
		begin := time.Now()
		names := []string{
			"messages_received_total", "first_deliveries_total", "first_deliveries_settled_total", "messages_redelivered_total",
			"messages_in_flight", "concurrency_limit", "saturation_ratio", "busy_seconds_total",
		}
		expect := func(when string, want map[string]float64) {
			t.Helper()
			if diff := cmp.Diff(want, values(t, b.reg, names...)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		expect("before the first message", map[string]float64{
			"messages_received_total": 0, "first_deliveries_total": 0, "first_deliveries_settled_total": 0, "messages_redelivered_total": 0,
			"messages_in_flight": 0, "concurrency_limit": 2, "saturation_ratio": 0, "busy_seconds_total": 0,
		})
		during := make(chan map[string]float64)
		go func() {
			time.Sleep(time.Second)
			during <- values(t, b.reg, "messages_in_flight", "saturation_ratio", "messages_received_total")
		}()
		go func() {
			want := map[string]float64{"messages_in_flight": 2, "saturation_ratio": 1, "messages_received_total": 2}
			if diff := cmp.Diff(want, <-during); diff != "" {
				t.Errorf("while two run (-want +got):\n%s", diff)
			}
		}()
		b.runFor(t, 11*time.Second)
		expect("after all", map[string]float64{
			"messages_received_total": 4, "first_deliveries_total": 1, "first_deliveries_settled_total": 1, "messages_redelivered_total": 3,
			"messages_in_flight": 0, "concurrency_limit": 2, "saturation_ratio": 0, "busy_seconds_total": 20,
		})
		frontier := values(t, b.reg, "frontier_timestamp_seconds")["frontier_timestamp_seconds"]
		if want := float64(begin.UnixMilli()) / 1e3; frontier != want {
			t.Errorf("the frontier is at %v, the first delivery was published at %v", frontier, want)
		}
	})
}

func TestWhatIsLeasedAndNotHandledIsHoarded(t *testing.T) {
	reg, s, leased := prometheus.NewRegistry(), newSlots(10), 7
	newMetrics(reg, "offers", s, func() int { return leased })
	s.take(t.Context())
	s.take(t.Context())
	for _, want := range []float64{5, 0} {
		if got := values(t, reg, "hoarded_messages")["hoarded_messages"]; got != want {
			t.Errorf("%d leased, 2 in flight: %v hoarded, want %v", leased, got, want)
		}
		leased = 1 // They are counted one after the other.
	}
}

func TestAnInstantMovesBothWays(t *testing.T) {
	var i instant
	if i.seconds() != 0 {
		t.Error("before the first it is 0")
	}
	for _, at := range []int64{1_700_000_000_500, 1_700_000_100_000, 1_700_000_000_500} { // The newest message may come first.
		i.note(time.UnixMilli(at))
		if got := i.seconds(); got != float64(at)/1e3 {
			t.Errorf("noted %v, reads %v", at, got)
		}
	}
}
