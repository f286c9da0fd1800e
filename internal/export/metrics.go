package export

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The results of a poll.
const (
	pollComplete = "complete"
	pollPartial  = "partial"
	pollFailed   = "failed"
)

// metrics are the exporter's own series: what it asks of Cloud Monitoring and what becomes of it.
type metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	series   *prometheus.CounterVec
	ignored  *prometheus.CounterVec
	polls    *prometheus.CounterVec
}

// newMetrics registers the series with reg; those of every query are there from the start at 0.
func newMetrics(reg prometheus.Registerer, queries []query) *metrics {
	factory := promauto.With(reg)
	perQuery := []string{"metric_type", "project_id"}
	m := &metrics{
		calls: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_api_calls_total",
			Help: "ListTimeSeries calls to Cloud Monitoring, by metric type, project and gRPC code; every page and every attempt counts.",
		}, append(perQuery, "code")),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "pubsub_exporter_api_call_duration_seconds",
			Help:    "Seconds that one ListTimeSeries call took, by metric type.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"metric_type"}),
		series: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_api_series_returned_total",
			Help: "Time series that Cloud Monitoring returned, by metric type and project: the unit of its price.",
		}, perQuery),
		ignored: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_api_points_ignored_total",
			Help: "Points that no sample could be made of, by metric type and project: without a number or an instant, negative, or of the future.",
		}, perQuery),
		polls: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_polls_total",
			Help: "Polls by result: complete, partial (some queries failed) or failed (all did).",
		}, []string{"result"}),
	}
	for _, q := range queries {
		m.calls.WithLabelValues(q.metric, q.project, "OK")
		m.duration.WithLabelValues(q.metric)
		m.answered(q, 0, 0)
	}
	for _, result := range []string{pollComplete, pollPartial, pollFailed} {
		m.polls.WithLabelValues(result)
	}
	return m
}

// called counts one API call. It is safe for concurrent use, as is answered.
func (m *metrics) called(metric, project, code string, took time.Duration) {
	m.calls.WithLabelValues(metric, project, code).Inc()
	m.duration.WithLabelValues(metric).Observe(took.Seconds())
}

// answered counts what a query that succeeded brought.
func (m *metrics) answered(q query, series, ignored int) {
	m.series.WithLabelValues(q.metric, q.project).Add(float64(series))
	m.ignored.WithLabelValues(q.metric, q.project).Add(float64(ignored))
}

// polled counts a poll of which failed queries of all were not answered.
func (m *metrics) polled(failed, all int) {
	result := pollPartial
	switch failed {
	case 0:
		result = pollComplete
	case all:
		result = pollFailed
	}
	m.polls.WithLabelValues(result).Inc()
}
