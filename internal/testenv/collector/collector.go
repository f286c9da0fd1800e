// Package collector is an OpenTelemetry collector for tests: it takes traces over OTLP, by HTTP and by gRPC on one real port each,
// and keeps the spans as the protocol has them. Tests alone import it.
package collector

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collecttrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// Collector keeps what is exported to it. It is safe for concurrent use.
type Collector struct {
	collecttrace.UnimplementedTraceServiceServer
	// URL and GRPC are its endpoints, the latter for OTEL_EXPORTER_OTLP_PROTOCOL=grpc.
	URL, GRPC string

	mu       sync.Mutex
	spans    []Span
	resource map[string]any
	header   map[string][]string
	answer   *collecttrace.ExportTraceServiceResponse
	more     chan struct{}
}

// Span is a span with its attributes by name.
type Span struct {
	*tracepb.Span
	Attributes map[string]any
	Scope      string
}

// Trace returns the trace's ID in hexadecimal.
func (s Span) Trace() string { return hex.EncodeToString(s.TraceId) }

// ID returns the span's ID in hexadecimal.
func (s Span) ID() string { return hex.EncodeToString(s.SpanId) }

// Parent returns the ID of the span's parent in hexadecimal, empty for none.
func (s Span) Parent() string { return hex.EncodeToString(s.ParentSpanId) }

// Start runs a collector until the test ends.
func Start(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{answer: &collecttrace.ExportTraceServiceResponse{}, more: make(chan struct{}, 1)}
	web := httptest.NewServer(http.HandlerFunc(c.post))
	t.Cleanup(web.Close)
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collecttrace.RegisterTraceServiceServer(server, c)
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(server.Stop)
	c.URL, c.GRPC = web.URL, "http://"+ln.Addr().String()
	return c
}

// Reject lets the collector say of every export that it has not kept all, with a message.
func (c *Collector) Reject(spans int64, message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = &collecttrace.ExportTraceServiceResponse{PartialSuccess: &collecttrace.ExportTracePartialSuccess{RejectedSpans: spans, ErrorMessage: message}}
}

// post takes an export by HTTP.
func (c *Collector) post(w http.ResponseWriter, r *http.Request) {
	var request collecttrace.ExportTraceServiceRequest
	body, err := read(r)
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "not an export", http.StatusBadRequest)
		return
	}
	answer, err := proto.Marshal(c.take(&request, r.Header))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

func read(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	plain, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(plain)
}

// Export implements the protocol's service for gRPC.
func (c *Collector) Export(ctx context.Context, request *collecttrace.ExportTraceServiceRequest) (*collecttrace.ExportTraceServiceResponse, error) {
	header, _ := metadata.FromIncomingContext(ctx)
	return c.take(request, header), nil
}

func (c *Collector) take(request *collecttrace.ExportTraceServiceRequest, header map[string][]string) *collecttrace.ExportTraceServiceResponse {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.header = header
	for _, r := range request.ResourceSpans {
		c.resource = plain(r.Resource.GetAttributes())
		for _, scope := range r.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, Span{Span: s, Attributes: plain(s.Attributes), Scope: scope.Scope.GetName()})
			}
		}
	}
	select {
	case c.more <- struct{}{}:
	default:
	}
	return c.answer
}

func plain(attributes []*common.KeyValue) map[string]any {
	m := map[string]any{}
	for _, a := range attributes {
		switch v := a.Value.GetValue().(type) {
		case *common.AnyValue_StringValue:
			m[a.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			m[a.Key] = v.IntValue
		default:
			m[a.Key] = a.Value.String()
		}
	}
	return m
}

// Spans returns what has come.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}

// Wait returns the spans when there are n.
func (c *Collector) Wait(t testing.TB, n int) []Span {
	t.Helper()
	for timeout := time.After(20 * time.Second); ; {
		if spans := c.Spans(); len(spans) >= n {
			return spans
		}
		select {
		case <-c.more:
		case <-timeout:
			t.Fatalf("%d of %d spans came", len(c.Spans()), n)
		}
	}
}

// Resource returns the attributes of what the last spans are of.
func (c *Collector) Resource() map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resource
}

// Header returns the headers of the last export.
func (c *Collector) Header() http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := http.Header{}
	for name, values := range c.header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	return h
}
