package consume

import (
	"errors"
	"net/http"
	"time"

	"spillway/internal/httpserver"
	"spillway/internal/push"
)

// routes are the request path, the probes and the metrics.
func (a *App) routes() http.Handler {
	router := httpserver.NewRouter(a.registry)
	router.Handle(http.MethodGet, "/{$}", "/", a.status())
	router.Handle(http.MethodGet, "/demo", "/demo", http.HandlerFunc(demo))
	router.HandleStatus(http.MethodPost, "/push/{flow}", "/push/{flow}", http.StatusNoContent, a.pushes())
	live := httpserver.Health(httpserver.Check{Name: "handlers", Test: a.notWedged})
	for _, path := range []string{"/livez", "/healthz", "/health"} {
		router.HandleUncounted(path, live)
	}
	router.HandleUncounted("/readyz", httpserver.Health(a.readiness()...))
	router.HandleUncounted("/metrics", httpserver.MetricsHandler(a.registry, a.log.Named("metrics")))
	return router
}

// pushes takes push deliveries for the flows that are pushed.
func (a *App) pushes() http.Handler {
	endpoints := map[string]push.Endpoint{}
	for _, l := range a.lanes {
		if l.opts.pushed() {
			endpoints[l.name] = l.endpoint(a.keys)
		}
	}
	return a.tracing.Requests(push.NewHandler(endpoints, int64(a.window), time.Now, a.log.Named("push")))
}

// readiness holds for every required flow.
func (a *App) readiness() []httpserver.Check {
	var checks []httpserver.Check
	for _, l := range a.lanes {
		if l.opts.Required && l.opts.pulls() {
			checks = append(checks, httpserver.Check{Name: "stream " + l.sub.ID, Test: l.ready})
		}
	}
	for _, l := range a.lanes {
		if l.opts.Required && l.target != nil {
			checks = append(checks, httpserver.Check{Name: "target of " + l.sub.ID, Test: l.flow.gate.ready})
		}
	}
	return append(checks, httpserver.Check{Name: "not draining", Test: a.notDraining})
}

func (a *App) notWedged() error {
	var errs []error
	for _, l := range a.lanes {
		errs = append(errs, l.wedged(time.Now()))
	}
	return errors.Join(errs...)
}

func (a *App) notDraining() error {
	if a.draining.Load() {
		return errors.New("draining")
	}
	return nil
}
