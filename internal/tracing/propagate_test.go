package tracing

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
)

// attributes are those of a message.
type attributes map[string]string

func (a attributes) Get(key string) (string, bool) { v, ok := a[key]; return v, ok }

const (
	one   = "00-11111111111111111111111111111111-1111111111111111-01"
	two   = "00-22222222222222222222222222222222-2222222222222222-00"
	wrong = "00-00000000000000000000000000000000-1111111111111111-01"
)

func TestTheParentIsReadFromTheMessagesAttributes(t *testing.T) {
	tests := []struct {
		name       string
		propagator string
		attributes attributes
		trace      string // its first digit
		state      string
		sampled    bool
		bag        string
	}{
		{name: "nothing", attributes: attributes{"tenant": "a"}},
		{name: "W3C", attributes: attributes{"traceparent": one, "tracestate": "a=1"}, trace: "1", state: "a=1", sampled: true},
		{name: "Google's client", attributes: attributes{"googclient_traceparent": two, "googclient_tracestate": "b=2"}, trace: "2", state: "b=2"},
		{
			name: "both: Google's is of this publishing", trace: "2", state: "b=2",
			attributes: attributes{"googclient_traceparent": two, "googclient_tracestate": "b=2", "traceparent": one, "tracestate": "a=1"},
		},
		{name: "a state belongs to its own parent", attributes: attributes{"googclient_traceparent": two, "tracestate": "a=1"}, trace: "2"},
		{name: "Google's is no context", attributes: attributes{"googclient_traceparent": wrong, "traceparent": one}, trace: "1", sampled: true},
		{name: "no context", attributes: attributes{"traceparent": "00-1-2-01"}},
		{name: "a long one", attributes: attributes{"traceparent": strings.Repeat("0", 1024)}},
		{name: "a state that is none", attributes: attributes{"traceparent": one, "tracestate": "=,="}, trace: "1", sampled: true},
		{name: "baggage", attributes: attributes{"baggage": "tenant=a"}, bag: "tenant=a"},
		{name: "baggage that is none", attributes: attributes{"baggage": "=;,", "traceparent": one}, trace: "1", sampled: true},
		{name: "trace contexts alone", propagator: "tracecontext", attributes: attributes{"traceparent": one, "baggage": "tenant=a"}, trace: "1", sampled: true},
		{name: "baggage alone", propagator: "baggage", attributes: attributes{"traceparent": one, "baggage": "tenant=a"}, bag: "tenant=a"},
		{name: "no propagator", propagator: "none", attributes: attributes{"traceparent": one, "baggage": "tenant=a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tracing, _ := on(t, map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_PROPAGATORS": tt.propagator})
			ctx := tracing.Extract(t.Context(), tt.attributes)
			got := trace.SpanContextFromContext(ctx)
			if got.IsValid() != (tt.trace != "") || got.IsSampled() != tt.sampled || got.TraceState().String() != tt.state {
				t.Errorf("%+v", got)
			}
			if tt.trace != "" && (got.TraceID().String() != strings.Repeat(tt.trace, 32) || got.SpanID().String() != strings.Repeat(tt.trace, 16) || !got.IsRemote()) {
				t.Errorf("%+v", got)
			}
			if bag := baggage.FromContext(ctx).String(); bag != tt.bag {
				t.Errorf("baggage %q", bag)
			}
		})
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(one, "a=1", "tenant=a")
	f.Add("", "=", ";")
	f.Add(wrong, strings.Repeat("a=1,", 200), "a=b;c=d,e")
	setenv := map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}
	f.Fuzz(func(t *testing.T, parent, state, bag string) {
		tracing, _ := on(t, setenv)
		ctx := tracing.Extract(t.Context(), attributes{"traceparent": parent, "tracestate": state, "googclient_traceparent": state, "baggage": bag})
		header := http.Header{}
		tracing.Inject(ctx, header)
		for name, values := range header {
			if len(values) != 1 || strings.ContainsAny(values[0], "\r\n\x00") {
				t.Errorf("%s: %q", name, values)
			}
		}
	})
}

func TestAContextIsWrittenInPlaceOfOthers(t *testing.T) {
	tracing, _ := on(t, map[string]string{"OTEL_TRACES_EXPORTER": "otlp"})
	header := http.Header{"Traceparent": {two}, "Tracestate": {"b=2"}, "Baggage": {"old=1"}}
	tracing.Inject(tracing.Extract(t.Context(), attributes{"traceparent": one, "baggage": "tenant=a"}), header)
	if header.Get("Traceparent") != one || header.Values("Tracestate") != nil || header.Get("Baggage") != "tenant=a" {
		t.Errorf("%v", header)
	}
	tracing.Inject(t.Context(), header)
	if header.Get("Traceparent") != one || header.Get("Baggage") != "tenant=a" {
		t.Errorf("nothing takes something's place: %v", header)
	}
}

func TestARequestsContextIsReadFromItsHeaders(t *testing.T) {
	for propagators, want := range map[string]bool{"": true, "baggage": false} {
		tracing, _ := on(t, map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_PROPAGATORS": propagators})
		var got trace.SpanContext
		handler := tracing.Requests(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = trace.SpanContextFromContext(r.Context()) }))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/push/offers", http.NoBody)
		r.Header.Set("Traceparent", one)
		handler.ServeHTTP(httptest.NewRecorder(), r)
		if got.IsValid() != want {
			t.Errorf("%q: %+v", propagators, got)
		}
	}
}

func TestWhatIsOffDoesNothing(t *testing.T) {
	var off *Tracing
	header := http.Header{}
	ctx := t.Context()
	message := Attributes(attributes{"traceparent": one})
	if n := testing.AllocsPerRun(100, func() {
		if off.Extract(ctx, message) != ctx {
			t.Error("another context")
		}
		off.Inject(ctx, header)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	if got := off.Requests(handler); len(header) != 0 || got == nil {
		t.Errorf("%v", header)
	}
	off.Close()
}
