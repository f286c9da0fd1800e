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
	received    prometheus.Counter
	redelivered prometheus.Counter
	settled     *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	limit       prometheus.Gauge
	parked      prometheus.Gauge
	age         prometheus.Histogram
	attempts    prometheus.Histogram
	last        *instant
	draining    prometheus.Gauge
	stuck       prometheus.Gauge
	// The two that nearly every message touches, looked up once.
	acked   prometheus.Counter
	ackTime prometheus.Observer
}

// newMetrics registers the flow's series with reg under its subscription label. inFlight is asked at each scrape.
func newMetrics(reg prometheus.Registerer, subscription string, inFlight func() int) *metrics {
	f := promauto.With(prometheus.WrapRegistererWith(prometheus.Labels{"subscription": subscription}, reg))
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		received:    counter("pubsub_worker_messages_received_total", "Deliveries given to the handler, redeliveries included."),
		redelivered: counter("pubsub_worker_messages_redelivered_total", "Deliveries given to the handler whose delivery attempt was above 1; counted only where the subscription has a dead-letter policy."),
		settled: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_worker_messages_settled_total",
			Help: "Deliveries settled, by result and reason; received = settled + in flight.",
		}, []string{"result", "reason"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "pubsub_worker_handler_duration_seconds",
			Help:    "Seconds that the handler took, by result.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
		}, []string{"result"}),
		limit:  gauge("pubsub_worker_concurrency_limit", "Handlers that may run at once; in flight / limit is the saturation."),
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
		last:     &instant{},
		draining: gauge("pubsub_worker_draining", "1 while received messages are worked off after SIGTERM."),
		stuck:    gauge("pubsub_worker_stuck_handlers", "Handlers that run on long after their context ended; their messages are nacked."),
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "pubsub_worker_messages_in_flight", Help: "Handlers running now."},
		func() float64 { return float64(inFlight()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pubsub_worker_last_message_timestamp_seconds",
		Help: "Unix time at which the handler was last given a message; 0 before the first.",
	}, m.last.seconds)
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

// instant is a point in time that many goroutines move on. It is kept to 10 ms, so that most of them only read it: at
// 400,000 messages a second a write for each is felt.
type instant struct{ ms atomic.Int64 }

func (i *instant) note(t time.Time) {
	if ms := t.UnixMilli(); ms-i.ms.Load() >= 10 {
		i.ms.Store(ms)
	}
}

// seconds returns the instant as Unix time.
func (i *instant) seconds() float64 { return float64(i.ms.Load()) / 1e3 }
