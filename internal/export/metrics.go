package export

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"spillway/internal/backlog"
)

// The results of a poll.
const (
	pollComplete = "complete"
	pollPartial  = "partial"
	pollFailed   = "failed"
)

// metrics are the exporter's own series: what it asks of Google's APIs and what becomes of it. It is safe for concurrent
// use.
type metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	series   *prometheus.CounterVec
	ignored  *prometheus.CounterVec
	polls    *prometheus.CounterVec
	last     *prometheus.GaugeVec
	wanted   *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	factory := promauto.With(reg)
	perQuestion := []string{"metric_type", "project_id"}
	return &metrics{
		calls: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_api_calls_total",
			Help: "Calls of Google's APIs, by method, gRPC code, metric type (for ListTimeSeries) and project; every page and every attempt counts.",
		}, append(perQuestion, "method", "code")),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "pubsub_exporter_api_call_duration_seconds",
			Help:    "Seconds that one call took, by method and metric type.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "metric_type"}),
		series: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_api_series_returned_total",
			Help: "Time series that Cloud Monitoring returned, by metric type and project: the unit of its price.",
		}, perQuestion),
		ignored: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_api_points_ignored_total",
			Help: "Points that nothing could be made of, by metric type and project: without a number or an instant, negative, or of the future.",
		}, perQuestion),
		polls: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_exporter_polls_total",
			Help: "Polls by project and result: complete, partial (some metrics could not be read) or failed (none could).",
		}, []string{"project_id", "result"}),
		last: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pubsub_exporter_last_successful_poll_timestamp_seconds",
			Help: "When the last poll of a project began that was answered in full, in seconds since 1970; missing before the first.",
		}, []string{"project_id"}),
		wanted: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pubsub_exporter_watched_subscriptions",
			Help: "Subscriptions of a project that are watched.",
		}, []string{"project_id"}),
	}
}

// begin makes the series of a project, at 0.
func (m *metrics) begin(project string, defs []backlog.Definition) {
	for _, d := range defs {
		m.calls.WithLabelValues(string(d.Metric), project, listTimeSeries, "OK")
		m.duration.WithLabelValues(listTimeSeries, string(d.Metric))
		m.answered(d.Metric, project, 0, 0)
	}
	for _, result := range []string{pollComplete, pollPartial, pollFailed} {
		m.polls.WithLabelValues(project, result)
	}
}

// listTimeSeries is the method that polls.
const listTimeSeries = "ListTimeSeries"

// forget ends the series of a project that is not watched any more, except those that count what it cost.
func (m *metrics) forget(project string) {
	m.last.DeleteLabelValues(project)
	m.wanted.DeleteLabelValues(project)
}

// called counts one API call; metric is empty for those that read none.
func (m *metrics) called(method string, metric backlog.Metric, project, code string, took time.Duration) {
	m.calls.WithLabelValues(string(metric), project, method, code).Inc()
	m.duration.WithLabelValues(method, string(metric)).Observe(took.Seconds())
}

// answered counts what a question that was answered brought.
func (m *metrics) answered(metric backlog.Metric, project string, series, ignored int) {
	m.series.WithLabelValues(string(metric), project).Add(float64(series))
	m.ignored.WithLabelValues(string(metric), project).Add(float64(ignored))
}

// polled counts a poll of which failed questions of all were not answered; complete is the last that was in full.
func (m *metrics) polled(project string, failed, all int, complete time.Time) {
	result := pollPartial
	switch failed {
	case 0:
		result = pollComplete
	case all:
		result = pollFailed
	}
	m.polls.WithLabelValues(project, result).Inc()
	if !complete.IsZero() {
		m.last.WithLabelValues(project).Set(float64(complete.UnixMilli()) / 1000)
	}
}

func (m *metrics) watched(project string, n int) { m.wanted.WithLabelValues(project).Set(float64(n)) }
