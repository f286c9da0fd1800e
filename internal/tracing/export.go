package tracing

import (
	"context"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// maxErrorText bounds what is logged of an exporter's error, in bytes: it may hold the collector's answer.
const maxErrorText = 300

// newExporter makes an exporter, which reads its own variables. It connects when there is something to export.
func newExporter(ctx context.Context, kind string) (sdktrace.SpanExporter, error) {
	switch {
	case kind == console:
		return stdouttrace.New(stdouttrace.WithWriter(os.Stdout))
	case protocol() == protocolGRPC:
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

// guard keeps an exporter's failures to itself: the SDK would hand them to a global handler, which prints each. It also ends
// exports that the SDK would wait for when everything else has stopped.
type guard struct {
	sdktrace.SpanExporter
	over   context.Context //nolint:containedctx // It is the exporter's own, and lives as long.
	rarely *zap.Logger
}

// ExportSpans implements sdktrace.SpanExporter.
func (g *guard) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.over, cancel)() //nolint:contextcheck // The end of either ends the export.
	if err := g.SpanExporter.ExportSpans(ctx, spans); err != nil {
		g.rarely.Warn("spans were not exported, or not all of them; other failures of this minute are not shown", zap.Int("spans", len(spans)), zap.String("error", clip(err)))
	}
	return nil
}

// clip returns an error's text, cut to a length that a log takes.
func clip(err error) string {
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxErrorText)], "\uFFFD")
}

// sampled lets the first entry of each text through in a minute.
func sampled(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Minute, 1, 0)
	}))
}
