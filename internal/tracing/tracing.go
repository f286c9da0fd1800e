// Package tracing makes OpenTelemetry spans and exports them, as the OTEL_ variables of the environment say, and carries trace
// contexts between messages and requests. It is off unless the environment turns it on.
package tracing

import (
	"context"
	"fmt"
	"sync"
	"time"

	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"spillway/internal/config"
)

const (
	// flushLimit is how long the last spans may take to leave; then their export is cancelled.
	flushLimit = 2 * time.Second
	// CloseLimit bounds Close: the last spans, and half a second for an export that has been cancelled.
	CloseLimit = flushLimit + 500*time.Millisecond
)

// scope names what makes the spans.
const scope = "spillway/worker"

// Tracing makes spans and exports them. A nil Tracing is one that is off: all its methods do nothing. It is safe for concurrent
// use. Nothing of it is global, so that no library begins to make spans of its own.
type Tracing struct {
	trace.Tracer
	provider    *sdktrace.TracerProvider
	propagators propagators
	gone        context.Context    //nolint:containedctx // It is what Close waits under, and nobody's else.
	hasten      context.CancelFunc // ends exports
	leave       context.CancelFunc // ends gone
	close       sync.Once
	rarely      *zap.Logger
}

// New returns the tracing that the environment asks for, nil when it asks for none. The spans are of the service, unless the
// environment names another one. Nothing is connected yet, but a goroutine runs until Close.
func New(ctx context.Context, service string, log *zap.Logger) (*Tracing, error) {
	kind := exporterKind()
	if kind == none {
		return nil, nil
	}
	var faults config.Errors
	if Validate(&faults); faults.Err() != nil {
		return nil, faults.Err()
	}
	about, err := sdkresource.New(ctx, sdkresource.WithAttributes(semconv.ServiceName(service)), sdkresource.WithTelemetrySDK(), sdkresource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("reading what the traces are of: %w", err)
	}
	exporter, err := newExporter(ctx, kind)
	if err != nil {
		return nil, fmt.Errorf("making the exporter of traces: %w", err)
	}
	log.Info("traces are on", zap.String("exporter", kind), zap.String("service", serviceName(about)))
	return start(exporter, about, log), nil
}

// serviceName is whose spans they are.
func serviceName(about *sdkresource.Resource) string {
	name, _ := about.Set().Value(semconv.ServiceNameKey)
	return name.AsString()
}

// start makes spans for an exporter, which is closed with them.
func start(exporter sdktrace.SpanExporter, about *sdkresource.Resource, log *zap.Logger) *Tracing {
	over, hasten := context.WithCancel(context.Background())
	gone, leave := context.WithCancel(context.Background())
	rarely := sampled(log)
	// A span that ends waits in a queue; from a full one it is dropped, and no message waits.
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(&guard{SpanExporter: exporter, over: over, rarely: rarely}))
	return &Tracing{
		Tracer: provider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)), provider: provider, propagators: readPropagators(),
		gone: gone, hasten: hasten, leave: leave, rarely: rarely,
	}
}

// Run waits for the end of ctx and then closes.
func (t *Tracing) Run(ctx context.Context) error {
	<-ctx.Done()
	t.Close()
	return nil
}

// Close exports the last spans within CloseLimit. What is not exported by then is lost, and said in the log.
func (t *Tracing) Close() {
	if t == nil {
		return
	}
	t.close.Do(func() {
		defer t.leave()
		defer t.hasten()
		defer time.AfterFunc(flushLimit, t.hasten).Stop()
		defer time.AfterFunc(CloseLimit, t.leave).Stop()
		if err := t.provider.Shutdown(t.gone); err != nil {
			t.rarely.Warn("ending the traces failed", zap.String("error", clip(err)))
		}
	})
}
