package externalmetrics

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// What becomes of a request.
const (
	outcomeValue     = "value"
	outcomeDelegated = "delegated"
	outcomeRefused   = "refused"
	outcomeUnknown   = "unknown"
	outcomeAbsent    = "absent"
	outcomeFailed    = "failed"
)

type metrics struct {
	requests *prometheus.CounterVec
}

// newMetrics registers the series with reg; every outcome is there from the start at 0.
func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{requests: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "pubsub_exporter_external_metrics_requests_total",
		Help: "Authorized requests of the external metrics API by outcome: value, delegated, refused (400), unknown (404), absent (503), failed.",
	}, []string{"outcome"})}
	for _, outcome := range []string{outcomeValue, outcomeDelegated, outcomeRefused, outcomeUnknown, outcomeAbsent, outcomeFailed} {
		m.requests.WithLabelValues(outcome)
	}
	return m
}

func (m *metrics) answered(outcome string) { m.requests.WithLabelValues(outcome).Inc() }

// outcomeOf names what became of a request; good is what it is called without an error.
func outcomeOf(err error, good string) string {
	switch {
	case err == nil:
		return good
	case apierrors.IsBadRequest(err):
		return outcomeRefused
	case apierrors.IsNotFound(err):
		return outcomeUnknown
	case apierrors.IsServiceUnavailable(err):
		return outcomeAbsent
	default:
		return outcomeFailed
	}
}
