package consume

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	dto "github.com/prometheus/client_model/go"
)

// registerSignals registers the series that are worked out at a scrape, which cost a message nothing. With the settled
// messages and the handlers' seconds they are what a scaler needs to know of a worker.
func (m *metrics) registerSignals(f promauto.Factory, s *slots, leased func() int) {
	gauge := func(name, help string, value func() float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	counter := func(name, help string, value func() float64) {
		f.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
	}
	counter("pubsub_worker_messages_received_total", "Deliveries given to the handler, redeliveries included.",
		func() float64 { return float64(m.received.Load()) })
	counter("pubsub_worker_messages_redelivered_total",
		"Deliveries given to the handler whose delivery attempt was above 1; counted only where the subscription has a dead-letter policy.",
		func() float64 { return float64(m.redelivered.Load()) })
	counter("pubsub_worker_first_deliveries_total",
		"Deliveries given to the handler whose delivery attempt was 1 or is not counted: arrivals.",
		m.firstDeliveries)
	counter("pubsub_worker_first_deliveries_settled_total", "First deliveries that ended their message: acked, dropped or dead-lettered.",
		func() float64 { return float64(m.firstDone.Load()) })
	counter("pubsub_worker_busy_seconds_total", "Seconds that handlers took, summed over all of them as they end.", m.busy)
	gauge("pubsub_worker_frontier_timestamp_seconds", "Unix time at which the latest first delivery was published; 0 before the first.", m.frontier.seconds)
	gauge("pubsub_worker_last_message_timestamp_seconds", "Unix time at which the handler was last given a message; 0 before the first.", m.last.seconds)
	held := func() float64 { return float64(s.held()) }
	gauge("pubsub_worker_messages_in_flight", "Handlers running now.", held)
	gauge("pubsub_worker_concurrency_limit", "Handlers that may run at once.", func() float64 { return float64(s.limit) })
	gauge("pubsub_worker_saturation_ratio", "Handlers running now, of those that may run at once, 0 to 1.",
		func() float64 { return held() / float64(s.limit) })
	gauge("pubsub_worker_hoarded_messages", "Messages leased by this process that no handler works on: waiting and parked.", func() float64 {
		if leased == nil {
			return 0
		}
		return max(0, float64(leased())-held()) // The two are read one after the other.
	})
}

// firstDeliveries reads the smaller count first, so that it never falls.
func (m *metrics) firstDeliveries() float64 {
	again := m.redelivered.Load()
	return float64(m.received.Load() - again)
}

// busy adds up the sums of the handlers' durations.
func (m *metrics) busy() float64 {
	ch := make(chan prometheus.Metric)
	go func() { m.duration.Collect(ch); close(ch) }() // It ends with the loop below, which takes everything.
	sum := 0.0
	for one := range ch {
		var out dto.Metric
		if one.Write(&out) == nil {
			sum += out.GetHistogram().GetSampleSum()
		}
	}
	return sum
}

// instant is a point in time that many goroutines move. It is kept to 10 ms, so that most of them only read it: at
// 400,000 messages a second a write for each is felt.
type instant struct{ ms atomic.Int64 }

func (i *instant) note(t time.Time) {
	if by := t.UnixMilli() - i.ms.Load(); by >= 10 || by <= -10 {
		i.ms.Store(t.UnixMilli())
	}
}

// seconds returns the instant as Unix time.
func (i *instant) seconds() float64 { return float64(i.ms.Load()) / 1e3 }
