package pull

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"google.golang.org/grpc/codes"
)

// Metrics are the series of the receive side. One set serves every subscription of a process.
type Metrics struct {
	ackRequests     *prometheus.CounterVec
	ackDuration     *prometheus.HistogramVec
	streamConnected *prometheus.GaugeVec
	streamOpens     *prometheus.CounterVec
	streamErrors    *prometheus.CounterVec
	restarts        *prometheus.CounterVec
	unconfirmed     *prometheus.CounterVec
	expired         *prometheus.CounterVec
	factory         promauto.Factory
}

// NewMetrics registers the series with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		factory: f,
		ackRequests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_worker_ack_requests_total",
			Help: "Acknowledge and ModifyAckDeadline calls by operation (ack, modack, nack) and gRPC code.",
		}, []string{"subscription", "op", "code"}),
		ackDuration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "pubsub_worker_ack_request_duration_seconds",
			Help:    "Seconds that Acknowledge and ModifyAckDeadline calls took, by operation.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"subscription", "op"}),
		streamConnected: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pubsub_worker_stream_connected",
			Help: "StreamingPull streams that are open.",
		}, []string{"subscription"}),
		streamOpens: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_worker_stream_opens_total",
			Help: "StreamingPull streams opened.",
		}, []string{"subscription"}),
		streamErrors: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_worker_stream_errors_total",
			Help: "StreamingPull streams ended by the other side, by gRPC code.",
		}, []string{"subscription", "code"}),
		restarts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_worker_receive_restarts_total",
			Help: "Failures of receiving that need somebody's help (a missing subscription, refused access), by gRPC code; each is retried.",
		}, []string{"subscription", "code"}),
		unconfirmed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_worker_settlements_unconfirmed_total",
			Help: "Acks and nacks that the server refused or never confirmed; an unconfirmed ack means a redelivery.",
		}, []string{"subscription", "op"}),
		expired: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_worker_leases_expired_total",
			Help: "Messages whose handling outlived the longest lease.",
		}, []string{"subscription"}),
	}
}

// Start makes the series of one subscription exist at 0, so that rates and alerts see the first event.
//
// outstanding is asked at each scrape for the messages that are leased and not settled, and their bytes.
func (m *Metrics) Start(subscription string, outstanding func() (messages, bytes int)) {
	labels := prometheus.Labels{"subscription": subscription}
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "pubsub_worker_outstanding_messages",
		Help:        "Messages leased by this process and not settled: running, waiting and parked.",
		ConstLabels: labels,
	}, func() float64 { n, _ := outstanding(); return float64(n) })
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "pubsub_worker_outstanding_bytes",
		Help:        "Payload bytes of the messages leased by this process and not settled.",
		ConstLabels: labels,
	}, func() float64 { _, n := outstanding(); return float64(n) })
	m.streamConnected.WithLabelValues(subscription)
	m.streamOpens.WithLabelValues(subscription)
	m.streamErrors.WithLabelValues(subscription, codes.Unavailable.String())
	m.restarts.WithLabelValues(subscription, codes.NotFound.String())
	m.expired.WithLabelValues(subscription)
	for _, op := range []string{opAck, opNack} {
		m.unconfirmed.WithLabelValues(subscription, op)
	}
	for _, op := range []string{opAck, opModack, opNack} {
		m.ackRequests.WithLabelValues(subscription, op, "OK")
		m.ackDuration.WithLabelValues(subscription, op)
	}
}
