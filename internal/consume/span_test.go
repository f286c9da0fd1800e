package consume_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"spillway/internal/consume"
	"spillway/internal/deliver"
	"spillway/internal/testenv/collector"
	"spillway/internal/tracing"
)

// tracedTarget is an HTTP target that keeps the requests' headers, and answers as the path says.
type tracedTarget struct {
	*httptest.Server
	mu     sync.Mutex
	header []http.Header
}

func newTracedTarget(t *testing.T, answer http.HandlerFunc) *tracedTarget {
	t.Helper()
	r := &tracedTarget{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.header = append(r.header, req.Header)
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *tracedTarget) headers() []http.Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]http.Header(nil), r.header...)
}

func accepts(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// traceTo turns tracing on; what has ended is exported at once.
func traceTo(t *testing.T, endpoint string) {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
}

// remote is a context in a span of somebody else.
func remote(t *testing.T, digit byte) (context.Context, trace.SpanContext) {
	t.Helper()
	c := trace.SpanContextConfig{TraceFlags: trace.FlagsSampled, Remote: true}
	for i := range c.TraceID {
		c.TraceID[i] = digit
	}
	for i := range c.SpanID {
		c.SpanID[i] = digit
	}
	sc := trace.NewSpanContext(c)
	return trace.ContextWithRemoteSpanContext(t.Context(), sc), sc
}

// parentOf is the traceparent that names a span.
func parentOf(traceID, spanID string) string { return "00-" + traceID + "-" + spanID + "-01" }

// named returns the one span of a name.
func named(t *testing.T, spans []collector.Span, name string) collector.Span {
	t.Helper()
	var found []collector.Span
	for _, s := range spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans %q of %v", len(found), name, spans)
	}
	return found[0]
}

// The publisher is Google's client, which traces; the exporter and the collector speak OTLP over a real port, and so does the
// target HTTP.
func TestAMessagesTraceGoesOnThroughTheWorkerToTheTarget(t *testing.T) {
	c := collector.Start(t)
	traceTo(t, c.URL)
	startEmulator(t, "offers:offers")
	client, err := pubsub.NewClientWithConfig(t.Context(), "shop", &pubsub.ClientConfig{EnableOpenTelemetryTracing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	target := newTracedTarget(t, accepts)
	_, stop := startWorker(t, func(o *consume.Options) { o.Target = target.URL + "/offers?token=secret" })
	ctx, publisher := remote(t, 0x1a)
	topic := client.Publisher("offers")
	defer topic.Stop()
	id, err := topic.Publish(ctx, &pubsub.Message{Data: []byte("payload"), Attributes: map[string]string{"tenant": "secret"}}).Get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the target is asked", func() bool { return len(target.headers()) == 1 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	spans := c.Spans() // They have left before the worker's end.
	if len(spans) != 2 {
		t.Fatalf("%v", spans)
	}
	process, request := named(t, spans, "offers process"), named(t, spans, "POST")
	if process.Trace() != publisher.TraceID().String() || process.Parent() != publisher.SpanID().String() || process.Kind != tracepb.Span_SPAN_KIND_CONSUMER {
		t.Errorf("the handling's span: %v", process)
	}
	if request.Trace() != process.Trace() || request.Parent() != process.ID() || request.Kind != tracepb.Span_SPAN_KIND_CLIENT {
		t.Errorf("the request's span: %v", request)
	}
	if got := target.headers()[0].Get("Traceparent"); got != parentOf(request.Trace(), request.ID()) {
		t.Errorf("the target's parent is %s, not %s", got, request.ID())
	}
	if diff := cmp.Diff(map[string]any{
		"messaging.system": "gcp_pubsub", "messaging.operation.name": "process", "messaging.operation.type": "process",
		"messaging.destination.subscription.name": "offers", "gcp.project_id": "shop", "messaging.message.id": id,
		"messaging.message.body.size": int64(7), "spillway.verdict": "ack", "spillway.reason": "ok",
	}, process.Attributes); diff != "" {
		t.Error(diff)
	}
	host, err := url.Parse(target.URL)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{
		"http.request.method": "POST", "url.scheme": "http", "server.address": "127.0.0.1", "http.response.status_code": int64(204),
		"server.port": request.Attributes["server.port"],
	}, request.Attributes); diff != "" || fmt.Sprint(request.Attributes["server.port"]) != host.Port() {
		t.Errorf("port %v: %s", request.Attributes["server.port"], diff)
	}
	if process.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET || request.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET {
		t.Errorf("%v, %v", process.Status, request.Status)
	}
}

// delivery is a push's body.
func delivery(t *testing.T, attributes map[string]string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"deliveryAttempt": 3, "message": map[string]any{
		"messageId": "7", "data": "eA==", "attributes": attributes, "orderingKey": "ean-1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// pushOne posts a delivery within a span, "" for none.
func pushOne(t *testing.T, to, body, traceparent string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if traceparent != "" {
		req.Header.Set("Traceparent", traceparent)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestAPushedMessageIsOfItsOwnTraceAndElseOfTheRequests(t *testing.T) {
	c := collector.Start(t)
	traceTo(t, c.GRPC)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	startEmulator(t, "offers:offers")
	target := newTracedTarget(t, accepts)
	addr, stop := startWorker(t, func(o *consume.Options) { o.Target, o.Receive = target.URL, "push" })
	_, publisher := remote(t, 0x1a)
	_, sender := remote(t, 0x2b)
	own := map[string]string{"traceparent": parentOf(publisher.TraceID().String(), publisher.SpanID().String())}
	header := parentOf(sender.TraceID().String(), sender.SpanID().String())
	for _, tt := range []struct {
		attributes    map[string]string
		header        string
		parent        trace.SpanContext
		linked, alone bool
	}{
		{attributes: own, parent: publisher},
		{attributes: own, header: header, parent: publisher, linked: true},
		{header: header, parent: sender},
		{alone: true},
	} {
		before := len(c.Spans())
		eventually(t, "the push is let in", func() bool {
			return pushOne(t, "http://"+addr+"/push/offers", delivery(t, tt.attributes), tt.header) == http.StatusNoContent
		})
		s := named(t, c.Wait(t, before+2)[before:], "offers process")
		if tt.alone != (s.Parent() == "") || !tt.alone && (s.Parent() != tt.parent.SpanID().String() || s.Trace() != tt.parent.TraceID().String()) {
			t.Errorf("%+v: parent %q of trace %s", tt, s.Parent(), s.Trace())
		}
		if linked := len(s.Links) == 1 && string(s.Links[0].SpanId) == strings.Repeat("\x2b", 8); linked != tt.linked || len(s.Links) > 1 {
			t.Errorf("%+v: links %v", tt, s.Links)
		}
		if s.Attributes["messaging.gcp_pubsub.message.delivery_attempt"] != int64(3) || s.Attributes["messaging.gcp_pubsub.message.ordering_key"] != "ean-1" {
			t.Errorf("%v", s.Attributes)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestTheVerdictIsInTheSpan(t *testing.T) {
	c := collector.Start(t)
	traceTo(t, c.URL)
	startEmulator(t, "offers:offers")
	hangUp := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	says := func(status int, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
		}
	}
	const unset, failed = tracepb.Status_STATUS_CODE_UNSET, tracepb.Status_STATUS_CODE_ERROR
	tests := []struct {
		name            string
		answer          http.HandlerFunc
		verdict, reason string
		process         tracepb.Status_StatusCode
		request         tracepb.Status_StatusCode
		kind            any // of the request's error
	}{
		{"ack", says(204), "ack", "ok", unset, unset, nil},
		{"drop", says(200, deliver.VerdictHeader, "drop"), "drop", "verdict", unset, unset, nil},
		{"dead letter", says(200, deliver.VerdictHeader, "dead-letter; secret"), "dead_letter", "verdict", failed, unset, nil},
		{"delay", says(429, "Retry-After", "1"), "delayed_nack", "status_4xx", failed, failed, "429"},
		{"failure", says(500), "nack", "status_5xx", failed, failed, "500"},
		{"redirect", says(302, "Location", "/secret"), "nack", "status_3xx", failed, unset, nil},
		{"no answer", hangUp, "nack", "connection", failed, failed, "connection"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := newTracedTarget(t, tt.answer)
			addr, stop := startWorker(t, func(o *consume.Options) { o.Target, o.Receive = target.URL, "push" })
			before := len(c.Spans())
			eventually(t, "the push is let in", func() bool {
				pushOne(t, "http://"+addr+"/push/offers", delivery(t, nil), "")
				return len(target.headers()) > 0
			})
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			spans := c.Spans()[before:]
			process, request := named(t, spans, "offers process"), named(t, spans, "POST")
			if process.Attributes["spillway.verdict"] != tt.verdict || process.Attributes["spillway.reason"] != tt.reason {
				t.Errorf("%v", process.Attributes)
			}
			if process.Status.GetCode() != tt.process || request.Status.GetCode() != tt.request || request.Attributes["error.type"] != tt.kind {
				t.Errorf("%v, %v, %v", process.Status, request.Status, request.Attributes)
			}
			if want := any(tt.reason); tt.process == failed && process.Attributes["error.type"] != want {
				t.Errorf("error.type %v", process.Attributes["error.type"])
			}
			if text := fmt.Sprint(spans); strings.Contains(text, "secret") {
				t.Errorf("what the target says is in a span: %s", text)
			}
		})
	}
}

func TestWhileTracingIsOffNothingIsAddedToRequests(t *testing.T) {
	client := startEmulator(t, "offers:offers")
	target := newTracedTarget(t, accepts)
	startWorker(t, func(o *consume.Options) { o.Target = target.URL })
	p := client.Publisher("offers")
	defer p.Stop()
	parent := map[string]string{"traceparent": parentOf(strings.Repeat("1", 32), strings.Repeat("1", 16)), "baggage": "a=1"}
	if _, err := p.Publish(t.Context(), &pubsub.Message{Data: []byte("x"), Attributes: parent}).Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the target is asked", func() bool { return len(target.headers()) == 1 })
	for _, name := range []string{"Traceparent", "Tracestate", "Baggage"} {
		if got := target.headers()[0].Values(name); got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAnUnwrappedMessagesContextIsReplacedByTheRequests(t *testing.T) {
	c := collector.Start(t)
	traceTo(t, c.URL)
	startEmulator(t, "offers:offers")
	target := newTracedTarget(t, accepts)
	addr, _ := startWorker(t, func(o *consume.Options) {
		o.Target, o.Receive, o.Format = target.URL, "push", deliver.Unwrapped
	})
	_, publisher := remote(t, 0x1a)
	own := map[string]string{"traceparent": parentOf(publisher.TraceID().String(), publisher.SpanID().String()), "baggage": "tenant=a"}
	eventually(t, "the push is let in", func() bool {
		return pushOne(t, "http://"+addr+"/push/offers", delivery(t, own), "") == http.StatusNoContent
	})
	request := named(t, c.Wait(t, 2), "POST")
	got := target.headers()[0]
	if got.Get("Traceparent") != parentOf(publisher.TraceID().String(), request.ID()) || got.Get("Baggage") != "tenant=a" {
		t.Errorf("%v", got)
	}
}

func TestACollectorThatSaysNothingHoldsUpNeitherMessagesNorTheEnd(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+ln.Addr().String())
	client := startEmulator(t, "offers:offers")
	target := newLedger(t, 0)
	ids := publish(t, client, "offers", 3000) // More than the queue of spans takes.
	_, stop := startWorker(t, func(o *consume.Options) { o.Target = target.URL })
	eventually(t, "all are handled", func() bool { return target.unique() == len(ids) })
	begin := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > tracing.CloseLimit+2*time.Second {
		t.Errorf("the end took %s", took)
	}
	target.check(t, ids)
}

func TestAWrongVariableIsToldWithTheOtherFaults(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "zipkin")
	o := valid()
	o.Concurrency = 0
	err := o.Validate()
	if err == nil || !strings.Contains(err.Error(), `OTEL_TRACES_EXPORTER "zipkin": is not known here; give none, otlp or console`) ||
		!strings.Contains(err.Error(), "--concurrency") {
		t.Error(err)
	}
}
