package httpserver

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are the request series, with the names, labels and buckets that existing HTTP-rate HPAs use.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	factory := promauto.With(reg)
	return &metrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "HTTP requests answered, by method, route pattern and status; probes and scrapes are not counted.",
		}, []string{"method", "path", "status"}),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Seconds from a request's header to the end of its answer, by method and route pattern.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"method", "path"}),
		inFlight: factory.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight",
			Help: "HTTP requests being answered now; probes and scrapes are not counted.",
		}),
	}
}

// route counts the requests of one route. Its series, with the status that it usually answers with, exist from the start at 0:
// an HPA on a fresh pod that lacks the series would have a missing metric, which blocks scaling down.
func (m *metrics) route(method, path string, status int, next http.Handler) http.Handler {
	m.requests.WithLabelValues(method, path, strconv.Itoa(status))
	m.duration.WithLabelValues(method, path)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(sw, r)
		label := methodLabel(r.Method)
		m.requests.WithLabelValues(label, path, strconv.Itoa(sw.status)).Inc()
		m.duration.WithLabelValues(label, path).Observe(time.Since(begin).Seconds())
	})
}

// methodLabel bounds the label: a client may send any token as its method.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
	sent   bool
}

// WriteHeader passes the status on; the first final one counts.
func (w *statusWriter) WriteHeader(status int) {
	if !w.sent && status >= http.StatusOK {
		w.status, w.sent = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends the implied 200 first.
func (w *statusWriter) Write(p []byte) (int, error) {
	w.sent = true
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
