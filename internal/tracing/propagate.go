package tracing

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// googlePrefix is what Google's client libraries put before the names of the trace context that they publish.
const googlePrefix = "googclient_"

// baggageKey is the attribute and the header of W3C baggage.
const baggageKey = "baggage"

// Attributes are a message's attributes.
type Attributes interface {
	Get(key string) (value string, ok bool)
}

// propagators are those of OTEL_PROPAGATORS that are known here.
type propagators struct{ traceContext, baggage bool }

// readPropagators reads OTEL_PROPAGATORS, which must be valid.
func readPropagators() propagators {
	list := variable(propagatorsVariable)
	if list == "" {
		return propagators{traceContext: true, baggage: true}
	}
	var p propagators
	for name := range strings.SplitSeq(list, ",") {
		switch strings.TrimSpace(name) {
		case "tracecontext":
			p.traceContext = true
		case baggageKey:
			p.baggage = true
		}
	}
	return p
}

// Extract returns ctx, which must be in no span, with what a message's attributes say of its publisher's. The context that
// Google's client has written precedes the plain one: it is always of the message's own publishing, while the other may have
// been copied from a message before.
func (t *Tracing) Extract(ctx context.Context, from Attributes) context.Context {
	if t == nil {
		return ctx
	}
	if t.propagators.traceContext {
		google := propagation.TraceContext{}.Extract(ctx, carrier{from, googlePrefix})
		if trace.SpanContextFromContext(google).IsValid() {
			ctx = google
		} else {
			ctx = propagation.TraceContext{}.Extract(ctx, carrier{from, ""})
		}
	}
	if !t.propagators.baggage {
		return ctx
	}
	if list, ok := from.Get(baggageKey); ok {
		if bag, err := baggage.Parse(list); err == nil { // What is wrong here, its publisher has to see.
			ctx = baggage.ContextWithBaggage(ctx, bag)
		}
	}
	return ctx
}

// Inject writes the span and the baggage of ctx into a request's headers, in place of others.
func (t *Tracing) Inject(ctx context.Context, header http.Header) {
	if t == nil {
		return
	}
	if t.propagators.traceContext && trace.SpanContextFromContext(ctx).IsValid() {
		header.Del("Tracestate") // One that belongs to another traceparent.
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
	}
	if t.propagators.baggage {
		if bag := baggage.FromContext(ctx).String(); bag != "" {
			header.Set(baggageKey, bag)
		}
	}
}

// Requests puts the trace context of a request's headers into the request's context.
func (t *Tracing) Requests(next http.Handler) http.Handler {
	if t == nil || !t.propagators.traceContext {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))))
	})
}

// carrier reads a trace context from attributes whose keys have a prefix.
type carrier struct {
	Attributes
	prefix string
}

// Get implements propagation.TextMapCarrier.
func (c carrier) Get(key string) string {
	value, _ := c.Attributes.Get(c.prefix + key)
	return value
}

// Set implements propagation.TextMapCarrier. Nothing is written to a message that was received.
func (carrier) Set(string, string) {}

// Keys implements propagation.TextMapCarrier. No propagator of ours asks for it.
func (carrier) Keys() []string { return nil }
