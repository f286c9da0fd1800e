package httpserver

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// Router dispatches requests to routes and counts them by route pattern. Register every route before serving.
type Router struct {
	mux     *http.ServeMux
	metrics *metrics
}

// NewRouter returns a router whose request series are registered with reg.
func NewRouter(reg prometheus.Registerer) *Router {
	return &Router{mux: http.NewServeMux(), metrics: newMetrics(reg)}
}

// Handle adds a counted route. path is a ServeMux pattern without its method ("/push/{flow}"; "/{$}" for the root
// alone) and label the value of the path label.
func (r *Router) Handle(method, path, label string, h http.Handler) {
	r.HandleStatus(method, path, label, http.StatusOK, h)
}

// HandleStatus adds a counted route that answers with another status than 200 when all is well.
func (r *Router) HandleStatus(method, path, label string, status int, h http.Handler) {
	r.mux.Handle(method+" "+path, r.metrics.route(method, label, status, h))
}

// HandleUncounted adds a route for probes and scrapes, which are not part of the request path's load.
func (r *Router) HandleUncounted(path string, h http.Handler) { r.mux.Handle("GET "+path, h) }

// ServeHTTP implements http.Handler. A request that no route takes is answered 404 (or 405 by the mux) and counted
// under the path "other".
func (r *Router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if h, pattern := r.mux.Handler(req); pattern == "" {
		r.metrics.route(http.MethodGet, "other", http.StatusNotFound, h).ServeHTTP(w, req)
		return
	}
	r.mux.ServeHTTP(w, req)
}

// MetricsHandler renders everything that gatherer holds; a series that fails to collect is logged and the rest served.
func MetricsHandler(gatherer prometheus.Gatherer, log *zap.Logger) http.Handler {
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{
		ErrorLog: zap.NewStdLog(log), ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true,
	})
}
