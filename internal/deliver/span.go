package deliver

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"spillway/internal/tracing"
)

// spans makes a span of every request, by the conventions of OpenTelemetry for HTTP clients, but for url.full: the target's URL
// may carry a token. Nil makes none.
type spans struct {
	tracing *tracing.Tracing
	options []trace.SpanStartOption // of every span
}

// newSpans returns what makes the spans of a target's requests; nil when tracing is off.
func newSpans(t *tracing.Tracing, endpoint *url.URL) *spans {
	if t == nil {
		return nil
	}
	port, _ := strconv.Atoi(cmp.Or(endpoint.Port(), map[string]string{"http": "80", "https": "443"}[endpoint.Scheme]))
	return &spans{tracing: t, options: []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			semconv.HTTPRequestMethodPost, semconv.URLScheme(endpoint.Scheme), semconv.ServerAddress(endpoint.Hostname()), semconv.ServerPort(port),
		),
	}}
}

// begin starts the span of a request and returns it with the headers that name it.
func (s *spans) begin(ctx context.Context, header http.Header) (trace.Span, http.Header) {
	if s == nil {
		return nil, header
	}
	ctx, span := s.tracing.Start(ctx, http.MethodPost, s.options...)
	header = maps.Clone(header) // It is shared.
	s.tracing.Inject(ctx, header)
	return span, header
}

// end ends the span of a request, which was answered with a status, 0 for none.
func (s *spans) end(span trace.Span, status int, v Verdict) {
	if s == nil {
		return
	}
	kind := string(v.Reason)
	if status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		kind = strconv.Itoa(status)
	}
	if status == 0 && v.Result != Ack || status >= http.StatusBadRequest {
		span.SetAttributes(semconv.ErrorTypeKey.String(kind))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
