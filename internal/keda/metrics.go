package keda

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"google.golang.org/grpc/codes"
)

type metrics struct {
	requests *prometheus.CounterVec
	triggers prometheus.Gauge
}

// newMetrics registers the series with reg; those of every method are there from the start at 0.
func newMetrics(reg prometheus.Registerer) *metrics {
	factory := promauto.With(reg)
	m := &metrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_keda_requests_total",
			Help: "Requests of KEDA's external scaler protocol that have ended, by method and gRPC code; a stream counts when it ends.",
		}, []string{"method", "code"}),
		triggers: factory.NewGauge(prometheus.GaugeOpts{
			Name: "pubsub_exporter_keda_triggers",
			Help: "Triggers that KEDA has asked for within the last 10 minutes.",
		}),
	}
	for _, method := range []string{"IsActive", "StreamIsActive", "GetMetricSpec", "GetMetrics"} {
		m.requests.WithLabelValues(method, codes.OK.String())
	}
	return m
}
