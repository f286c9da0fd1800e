package consume

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"spillway/internal/deliver"
)

// metrics are the series of one flow. Every one exists from the start.
type metrics struct {
	received    atomic.Uint64
	redelivered atomic.Uint64
	firstDone   atomic.Uint64 // first deliveries that ended their message
	settled     *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	parked      prometheus.Gauge
	age         prometheus.Histogram
	attempts    prometheus.Histogram
	last        instant // when the handler was last given a message
	frontier    instant // when the newest first delivery was published
	draining    prometheus.Gauge
	stuck       prometheus.Gauge
	holds       holds
	// The two that nearly every message touches, looked up once.
	acked   prometheus.Counter
	ackTime prometheus.Observer
}

// newMetrics registers the flow's series with reg under its subscription label. leased is asked at each scrape for the
// messages that this process has a lease of; nil says that there are none but those in flight.
func newMetrics(reg prometheus.Registerer, subscription string, s *slots, leased func() int) *metrics {
	f := promauto.With(prometheus.WrapRegistererWith(prometheus.Labels{"subscription": subscription}, reg))
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &metrics{
		settled: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_worker_messages_settled_total",
			Help: "Deliveries settled, by result and reason; received = settled + in flight.",
		}, []string{"result", "reason"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "pubsub_worker_handler_duration_seconds",
			Help:    "Seconds that the handler took, by result.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
		}, []string{"result"}),
		parked: gauge("pubsub_worker_parked_messages", "Messages that wait out a delayed nack without a slot."),
		age: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "pubsub_worker_message_age_seconds",
			Help:    "Seconds from publishing to the handler.",
			Buckets: []float64{.1, .5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400},
		}),
		attempts: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "pubsub_worker_delivery_attempts",
			Help:    "Delivery attempt of each delivery; counted only where the subscription has a dead-letter policy.",
			Buckets: []float64{1, 2, 3, 5, 10, 20, 50, 100},
		}),
		draining: gauge("pubsub_worker_draining", "1 while received messages are worked off after SIGTERM."),
		stuck:    gauge("pubsub_worker_stuck_handlers", "Handlers that run on long after their context ended; their messages are nacked."),
	}
	m.registerSignals(f, s, leased)
	m.holds = newHolds(f)
	for _, result := range []deliver.Result{deliver.Ack, deliver.Nack, deliver.DelayedNack, deliver.DeadLetter, deliver.Drop} {
		m.duration.WithLabelValues(string(result))
	}
	m.acked = m.settled.WithLabelValues(string(deliver.Ack), string(deliver.OK))
	m.ackTime = m.duration.WithLabelValues(string(deliver.Ack))
	m.settled.WithLabelValues(string(deliver.Nack), string(deliver.Error))
	return m
}

// took notes how long a handler ran.
func (m *metrics) took(result deliver.Result, d time.Duration) {
	if result == deliver.Ack {
		m.ackTime.Observe(d.Seconds())
		return
	}
	m.duration.WithLabelValues(string(result)).Observe(d.Seconds())
}
