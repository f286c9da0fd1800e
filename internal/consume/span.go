package consume

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
	"spillway/internal/tracing"
)

// spans makes a span of every handling, by the conventions of OpenTelemetry for messaging. Nil makes none.
type spans struct {
	tracing *tracing.Tracing
	name    string
	options []trace.SpanStartOption // of every span
}

// newSpans returns what makes a flow's spans; nil when tracing is off.
func newSpans(t *tracing.Tracing, sub backlog.Subscription) *spans {
	if t == nil {
		return nil
	}
	return &spans{tracing: t, name: sub.ID + " process", options: []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(
			semconv.MessagingSystemGCPPubSub, semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess,
			semconv.MessagingDestinationSubscriptionName(sub.ID), attribute.String("gcp.project_id", sub.Project),
		),
	}}
}

// begin returns working with the span of a message's handling. Its parent is the publisher's span, which the message names. The
// request that pushed the message is linked then, and is the parent of a message that names none; request is nil for one that
// was pulled.
func (s *spans) begin(working, request context.Context, m *backlog.Message) context.Context {
	if s == nil {
		return working
	}
	ctx, options := s.tracing.Extract(working, m.Attributes), s.options
	if pushed := spanOf(request); pushed.IsValid() {
		if spanOf(ctx).IsValid() {
			options = append(slices.Clip(options), trace.WithLinks(trace.Link{SpanContext: pushed}))
		} else {
			ctx = trace.ContextWithRemoteSpanContext(ctx, pushed)
		}
	}
	ctx, span := s.tracing.Start(ctx, s.name, options...)
	if !span.IsRecording() {
		return ctx
	}
	span.SetAttributes(semconv.MessagingMessageID(m.ID), semconv.MessagingMessageBodySize(len(m.Data)))
	if m.DeliveryAttempt > 0 {
		span.SetAttributes(semconv.MessagingGCPPubSubMessageDeliveryAttempt(m.DeliveryAttempt))
	}
	if m.OrderingKey != "" {
		span.SetAttributes(semconv.MessagingGCPPubSubMessageOrderingKey(m.OrderingKey))
	}
	return ctx
}

// spanOf returns the span that a context is in.
func spanOf(ctx context.Context) trace.SpanContext {
	if ctx == nil {
		return trace.SpanContext{}
	}
	return trace.SpanContextFromContext(ctx)
}

// end ends the handling's span with the handler's verdict. The verdict's detail may hold what the target says, and stays out.
func (s *spans) end(ctx context.Context, v deliver.Verdict) {
	if s == nil {
		return
	}
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(attribute.String("spillway.verdict", string(v.Result)), attribute.String("spillway.reason", string(v.Reason)))
	if v.Result != deliver.Ack && v.Result != deliver.Drop {
		span.SetAttributes(semconv.ErrorTypeKey.String(string(v.Reason)))
		span.SetStatus(codes.Error, string(v.Result))
	}
	span.End()
}
