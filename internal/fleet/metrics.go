package fleet

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The reasons of failures.
const (
	failedConnection = "connection" // no connection, or it broke off
	failedTimeout    = "timeout"    // no answer in time
	failedStatus     = "status"     // an answer other than 200
	failedSize       = "too_large"  // a page beyond the bound
	failedFormat     = "format"     // a needed series is malformed
	failedSeries     = "series"     // a series is not there that every worker must have, or says what cannot be
	failedRound      = "round"      // the round was over before its turn
)

// metrics are the fleet's own series. It is safe for concurrent use.
type metrics struct {
	duration prometheus.Histogram
	failures *prometheus.CounterVec
	workers  prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	factory := promauto.With(reg)
	m := &metrics{
		duration: factory.NewHistogram(prometheus.HistogramOpts{
			Name:    "spillway_fleet_scrape_duration_seconds",
			Help:    "Seconds that one scrape of a worker took, failed ones included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_fleet_scrape_failures_total",
			Help: "Scrapes of workers that should be ready and that failed, by reason: connection, timeout, status, too_large, format, series (one is missing or cannot be), round (no time was left).",
		}, []string{"reason"}),
		workers: factory.NewGauge(prometheus.GaugeOpts{
			Name: "spillway_fleet_workers",
			Help: "Workers that are scraped, of all subscriptions together; starting and terminating ones among them.",
		}),
	}
	for _, reason := range []string{failedConnection, failedTimeout, failedStatus, failedSize, failedFormat, failedSeries, failedRound} {
		m.failures.WithLabelValues(reason)
	}
	return m
}

func (m *metrics) took(d time.Duration) { m.duration.Observe(d.Seconds()) }
