// Package stackdriver is stackdriver_exporter, pointed at a local Cloud Monitoring: it has no flag for that. Everything else
// is as its own program has it by default.
package stackdriver

import (
	"context"
	"fmt"
	"log/slog" //nolint:depguard // the collectors want one
	"net/http"
	"time"

	"github.com/prometheus-community/stackdriver_exporter/collectors"
	"github.com/prometheus-community/stackdriver_exporter/delta"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/api/monitoring/v3"
	"google.golang.org/api/option"
)

// Its defaults: the interval that each scrape asks for, how long deltas are remembered, and the limit of one request.
const (
	interval  = 5 * time.Minute
	deltasTTL = 30 * time.Minute
	timeout   = 10 * time.Second
)

// Handler answers scrapes with the metrics of one project that begin with one of the prefixes, each by calls of its own.
func Handler(ctx context.Context, endpoint, project string, prefixes []string) (http.Handler, error) {
	service, err := monitoring.NewService(ctx, option.WithEndpoint("http://"+endpoint), option.WithHTTPClient(&http.Client{Timeout: timeout}))
	if err != nil {
		return nil, fmt.Errorf("making the client: %w", err)
	}
	log := slog.New(slog.DiscardHandler)
	collector, err := collectors.NewMonitoringCollector(project, service, collectors.MonitoringCollectorOptions{
		MetricTypePrefixes: prefixes, RequestInterval: interval, FillMissingLabels: true,
	}, log, delta.NewInMemoryCounterStore(log, deltasTTL), delta.NewInMemoryHistogramStore(log, deltasTTL))
	if err != nil {
		return nil, fmt.Errorf("making the collector: %w", err)
	}
	reg := prometheus.NewRegistry()
	if err := reg.Register(collector); err != nil {
		return nil, fmt.Errorf("registering the collector: %w", err)
	}
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{}), nil
}
