package monitoring

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"
)

const undeliveredMetric = "subscription/num_undelivered_messages"

func TestSamplesAreTakenOnTheMinuteAndSeenTwoMinutesLater(t *testing.T) {
	w := newWorld(t, Options{})
	w.pass(30 * time.Second)
	w.orders().Undelivered = 7
	w.pass(30 * time.Second) // Sampled at 1:00.
	w.orders().Undelivered = 9
	w.pass(119 * time.Second)
	if got := w.ints(undeliveredMetric); got != nil {
		t.Errorf("119 s after the sample a reader sees %v, want no series", got)
	}
	w.pass(time.Second)
	if diff := cmp.Diff([]int64{7}, w.ints(undeliveredMetric)); diff != "" {
		t.Errorf("120 s after the sample (-want +got):\n%s", diff)
	}
	w.pass(time.Minute)
	if diff := cmp.Diff([]int64{9, 7}, w.ints(undeliveredMetric)); diff != "" {
		t.Errorf("a minute later, newest first (-want +got):\n%s", diff)
	}
	point := w.list(w.request(undeliveredMetric)).GetTimeSeries()[0].GetPoints()[1].GetInterval()
	for _, at := range []time.Time{point.GetStartTime().AsTime(), point.GetEndTime().AsTime()} {
		if want := epoch.Add(time.Minute); !at.Equal(want) {
			t.Errorf("the point is at %s, want start and end at %s", at, want)
		}
	}
}

func TestEachMetricHasItsOwnDelay(t *testing.T) {
	tests := map[string]struct {
		opts    Options
		metric  string
		visible time.Duration // after the first sample, which is taken after a period
		period  time.Duration
	}{
		"backlog":             {Options{}, undeliveredMetric, 120 * time.Second, minute},
		"acks":                {Options{}, ackMetric, 181 * time.Second, minute},
		"nacks":               {Options{}, "subscription/nack_requests", 360 * time.Second, minute},
		"set for all":         {Options{SamplePeriod: 10 * time.Second, VisibilityDelay: 5 * time.Second}, ackMetric, 5 * time.Second, 10 * time.Second},
		"none":                {Options{VisibilityDelay: NoDelay}, ackMetric, 0, minute},
		"set for one":         {Options{Metrics: map[string]Timing{"ack_message_count": {30 * time.Second, time.Second}}}, ackMetric, time.Second, 30 * time.Second},
		"set for another":     {Options{Metrics: map[string]Timing{"subscription/ack_message_count": {30 * time.Second, time.Second}}}, undeliveredMetric, 120 * time.Second, minute},
		"one beats all":       {Options{VisibilityDelay: minute, Metrics: map[string]Timing{"pubsub.googleapis.com/subscription/ack_message_count": {0, NoDelay}}}, ackMetric, 0, minute},
		"twenty times faster": {Options{Speed: 20}, undeliveredMetric, 6 * time.Second, 3 * time.Second},
		"faster and set":      {Options{Speed: 10, SamplePeriod: minute, VisibilityDelay: minute}, ackMetric, 6 * time.Second, 6 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.opts)
			w.orders().Acked = map[string]int64{"pull": 1}
			w.pass(test.period + test.visible - 1)
			if got := w.ints(test.metric); got != nil {
				t.Errorf("a nanosecond before the time a reader sees %v, want nothing", got)
			}
			w.pass(1)
			if got := w.ints(test.metric); len(got) != 1 {
				t.Errorf("at the time a reader sees %v, want one point", got)
			}
		})
	}
}

func TestADeltaCoversTheTimeSinceThePreviousSample(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.pass(30 * time.Second)
	w.orders().Acked = map[string]int64{"pull": 5}
	w.pass(90 * time.Second)
	w.orders().Acked["pull"] = 12
	w.pass(minute)
	want := []shown{{120, 180, 7}, {60, 120, 0}, {0, 60, 5}}
	if diff := cmp.Diff(want, shownPoints(w.list(w.request(ackMetric)).GetTimeSeries()[0])); diff != "" {
		t.Errorf("acks (-want +got):\n%s", diff)
	}
}

func TestANewSubscriptionOfAnOldNameCountsFromZero(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.orders().Acked = map[string]int64{"pull": 5}
	w.pass(minute)
	w.orders().Acked["pull"] = 3 // Made again between two samples.
	w.pass(minute)
	gone := w.state.Subscriptions
	w.state.Subscriptions = nil
	w.pass(minute)
	w.state.Subscriptions = gone
	w.orders().Acked["pull"] = 9 // Made again after a sample without it.
	w.pass(minute)
	want := []shown{{180, 240, 9}, {60, 120, 3}, {0, 60, 5}}
	if diff := cmp.Diff(want, shownPoints(w.list(w.request(ackMetric)).GetTimeSeries()[0])); diff != "" {
		t.Errorf("acks (-want +got):\n%s", diff)
	}
}

func TestAClockSetBackWritesNoSecondPast(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.orders().Undelivered = 1
	w.pass(3 * minute)
	w.set(epoch.Add(minute))
	w.orders().Undelivered = 2
	w.pass(3 * minute)
	if diff := cmp.Diff([]int64{2, 1, 1, 1}, w.ints(undeliveredMetric)); diff != "" {
		t.Errorf("backlog (-want +got):\n%s", diff)
	}
}

// truthFunc implements [Truth].
type truthFunc func() State

func (f truthFunc) State(time.Time) State { return f() }

func TestRunSamplesUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		truth := truthFunc(func() State {
			return State{Subscriptions: []SubscriptionState{{Project: "p", ID: "orders", Undelivered: asked.Add(1)}}}
		})
		s := New(Options{}, truth, time.Now, zaptest.NewLogger(t))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()

		time.Sleep(5*minute + time.Second)
		synctest.Wait()
		if got := asked.Load(); got != 5 {
			t.Errorf("%d samples in five minutes, want 5", got)
		}
		if got := s.Shown(time.Now(), "p", "orders")["num_undelivered_messages"]; got.Value != 3 || got.End.Second() != 0 {
			t.Errorf("two minutes back it was %+v, want 3 on the minute", got)
		}
		cancel()
		synctest.Wait()
		if err := <-done; err != nil {
			t.Errorf("Run ends with %v", err)
		}
		time.Sleep(10 * minute)
		if got := asked.Load(); got != 5 {
			t.Errorf("%d samples, some of them after the end", got)
		}
	})
}

func TestASlowTruthLeavesSamplesOutAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs, seen := observer.New(zap.WarnLevel)
		var asked int
		truth := truthFunc(func() State {
			if asked++; asked == 2 {
				time.Sleep(150 * time.Second) // Over the samples of the minutes 3 and 4.
			}
			return State{Subscriptions: []SubscriptionState{{Project: "p", ID: "orders"}}}
		})
		begin := time.Now()
		s := New(Options{VisibilityDelay: NoDelay}, truth, time.Now, zap.New(logs))
		ctx, cancel := context.WithTimeout(t.Context(), 5*minute+time.Second)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		var minutes []int64
		for _, list := range s.store.byMetric[s.metrics[0]] {
			for _, p := range list[0].points {
				minutes = append(minutes, int64(unixNano(p.end).Sub(begin)/minute))
			}
		}
		if diff := cmp.Diff([]int64{1, 2, 5}, minutes); diff != "" {
			t.Errorf("minutes with a sample (-want +got):\n%s", diff)
		}
		if seen.FilterMessageSnippet("late").Len() != 1 {
			t.Errorf("the log says %v, want one warning about late samples", seen.All())
		}
	})
}

func TestShownIsWhatAReaderSeesOfOneSubscription(t *testing.T) {
	w := newWorld(t, Options{Regions: []string{"eu", "us"}})
	*w.orders() = SubscriptionState{
		Project: "p", ID: "orders", Undelivered: 3, OldestUnacked: epoch.Add(10 * time.Second), BacklogBytes: 100,
	}
	w.state.Subscriptions = append(w.state.Subscriptions, SubscriptionState{Project: "p", ID: "mails", Undelivered: 99})
	w.pass(3 * minute)
	w.orders().Undelivered = 1000 // Not sampled yet.
	at := epoch.Add(minute)
	point := func(value int64) Point { return Point{Start: at, End: at, Value: value} }
	want := map[string]Point{
		"num_undelivered_messages":                          point(3),
		`num_unacked_messages_by_region{region="eu"}`:       point(2),
		`num_unacked_messages_by_region{region="us"}`:       point(1),
		"oldest_unacked_message_age":                        point(50),
		`oldest_unacked_message_age_by_region{region="eu"}`: point(50),
		`oldest_unacked_message_age_by_region{region="us"}`: point(50),
		"backlog_bytes":                        point(100),
		`unacked_bytes_by_region{region="eu"}`: point(50),
		`unacked_bytes_by_region{region="us"}`: point(50),
	}
	if diff := cmp.Diff(want, w.server.Shown(w.clock(), "p", "orders")); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	w.orders().Acked = map[string]int64{"pull": 8}
	w.pass(minute + 181*time.Second) // The sample of minute 4 is visible now.
	wantAcks := Point{Start: epoch.Add(3 * minute), End: epoch.Add(4 * minute), Value: 8}
	if diff := cmp.Diff(wantAcks, w.server.Shown(w.clock(), "p", "orders")[`ack_message_count{delivery_type="pull"}`]); diff != "" {
		t.Errorf("acks (-want +got):\n%s", diff)
	}
	if got := w.server.Shown(w.clock(), "q", "orders"); len(got) != 0 {
		t.Errorf("another project's subscription shows %v", got)
	}
}
