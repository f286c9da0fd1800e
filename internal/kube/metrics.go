package kube

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// What is asked of the API server beyond the watches.
const (
	requestEvent = "event"
	requestScale = "scale"
)

type metrics struct {
	autoscalers prometheus.Gauge
	faults      *prometheus.GaugeVec
	watchErrors *prometheus.CounterVec
	failures    *prometheus.CounterVec
}

// newMetrics registers the series with reg.
func newMetrics(reg prometheus.Registerer) *metrics {
	factory := promauto.With(reg)
	m := &metrics{
		autoscalers: factory.NewGauge(prometheus.GaugeOpts{
			Name: "pubsub_exporter_autoscalers",
			Help: "HorizontalPodAutoscalers that ask for a metric of ours.",
		}),
		faults: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pubsub_exporter_autoscaler_fault",
			Help: "1 for an HorizontalPodAutoscaler that asks for something that cannot be answered, by reason; the Event on it says more.",
		}, []string{"namespace", "horizontalpodautoscaler", "reason"}),
		watchErrors: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_kube_watch_errors_total",
			Help: "Lists and watches of the API server that failed or broke off, by resource; they are tried again for ever.",
		}, []string{"resource"}),
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_kube_request_errors_total",
			Help: "Other requests to the API server that failed: event (writing one), scale (reading a target's selector).",
		}, []string{"request"}),
	}
	for _, resource := range []string{resourceAutoscalers, resourcePods} {
		m.watchErrors.WithLabelValues(resource)
	}
	for _, request := range []string{requestEvent, requestScale} {
		m.failures.WithLabelValues(request)
	}
	return m
}
