package tracing

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"spillway/internal/testenv/collector"
)

// on returns the tracing of an environment, and what it warns of.
func on(t *testing.T, env map[string]string) (*Tracing, *observer.ObservedLogs) {
	t.Helper()
	setenv(t, env)
	core, logs := observer.New(zapcore.WarnLevel)
	tracing, err := New(t.Context(), "spillway-worker", zap.New(core))
	if err != nil || tracing == nil {
		t.Fatalf("%v, %v", tracing, err)
	}
	t.Cleanup(tracing.Close)
	return tracing, logs
}

// span makes a span.
func span(t *testing.T, tracing *Tracing) {
	t.Helper()
	_, s := tracing.Start(t.Context(), "offers process")
	s.End()
}

func TestSpansReachACollector(t *testing.T) {
	tests := []struct {
		name string
		env  func(c *collector.Collector) map[string]string
	}{
		{"by HTTP", func(c *collector.Collector) map[string]string {
			return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL}
		}},
		{"by HTTP, compressed, to the endpoint of traces", func(c *collector.Collector) map[string]string {
			return map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.URL + "/v1/traces", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
		}},
		{"by gRPC", func(c *collector.Collector) map[string]string {
			return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.GRPC, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
		}},
		{"by gRPC, of traces alone", func(c *collector.Collector) map[string]string {
			return map[string]string{
				"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.GRPC, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
				"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc",
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := collector.Start(t)
			env := tt.env(c)
			env["OTEL_EXPORTER_OTLP_HEADERS"] = "x-tenant=shop%20one"
			env["OTEL_RESOURCE_ATTRIBUTES"] = "k8s.pod.name=worker-1"
			tracing, logs := on(t, env)
			span(t, tracing)
			tracing.Close() // What has ended leaves before the end.
			spans := c.Spans()
			if len(spans) != 1 || spans[0].Name != "offers process" || spans[0].Scope != scope {
				t.Fatalf("%v", spans)
			}
			r := c.Resource()
			if r["service.name"] != "spillway-worker" || r["k8s.pod.name"] != "worker-1" || r["telemetry.sdk.language"] != "go" {
				t.Errorf("resource %v", r)
			}
			if got := c.Header().Get("X-Tenant"); got != "shop one" {
				t.Errorf("header %q", got)
			}
			if logs.Len() != 0 {
				t.Errorf("%v", logs.All())
			}
		})
	}
}

func TestTheServicesNameIsTheEnvironments(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"offers": {"OTEL_SERVICE_NAME": "offers", "OTEL_RESOURCE_ATTRIBUTES": "service.name=images"},
		"images": {"OTEL_RESOURCE_ATTRIBUTES": "service.name=images"},
	} {
		c := collector.Start(t)
		env["OTEL_EXPORTER_OTLP_ENDPOINT"] = c.URL
		tracing, _ := on(t, env)
		span(t, tracing)
		tracing.Close()
		if r := c.Resource(); r["service.name"] != want {
			t.Errorf("%v, want %s", r, want)
		}
	}
}

func TestTheSamplerIsTheEnvironments(t *testing.T) {
	for sampler, want := range map[string]int{"always_off": 0, "always_on": 50, "parentbased_always_off": 0} {
		c := collector.Start(t)
		tracing, _ := on(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_TRACES_SAMPLER": sampler})
		for range 50 {
			span(t, tracing)
		}
		tracing.Close()
		if got := len(c.Spans()); got != want {
			t.Errorf("%s: %d spans, want %d", sampler, got, want)
		}
	}
}

// mute accepts connections and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return "http://" + ln.Addr().String()
}

// gone is where nobody listens.
func gone(t *testing.T) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return "http://" + ln.Addr().String()
}

func TestACollectorThatIsAwayHoldsUpNobody(t *testing.T) {
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable) // To be tried again.
	}))
	defer slow.Close()
	for name, endpoint := range map[string]string{"nobody listens": gone(t), "it says nothing": mute(t), "it is too busy": slow.URL} {
		for _, protocol := range []string{"http/protobuf", "grpc"} {
			t.Run(name+" "+protocol, func(t *testing.T) {
				tracing, logs := on(t, map[string]string{
					"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_BSP_SCHEDULE_DELAY": "1",
					"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10",
				})
				begin := time.Now()
				for range 5000 { // Far more than the queue takes.
					span(t, tracing)
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("5000 spans took %s", took)
				}
				begin = time.Now()
				tracing.Close()
				if took := time.Since(begin); took > CloseLimit+200*time.Millisecond {
					t.Errorf("closing took %s", took)
				}
				if n := logs.FilterMessageSnippet("spans were not exported").Len(); n != 1 || logs.Len() != 1 {
					t.Errorf("%d entries, %d of them of exports; want 1", logs.Len(), n)
				}
			})
		}
	}
}

func TestWhatACollectorRejectsIsSaidOnce(t *testing.T) {
	c := collector.Start(t)
	c.Reject(1, strings.Repeat("too many attributes ", 100))
	tracing, logs := on(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"})
	for range 5 {
		span(t, tracing)
	}
	tracing.Close()
	entries := logs.All()
	if len(entries) != 1 || entries[0].Level != zapcore.WarnLevel {
		t.Fatalf("%v", entries)
	}
	text, ok := entries[0].ContextMap()["error"].(string)
	if !ok || !strings.Contains(text, "too many attributes") || len(text) > maxErrorText {
		t.Errorf("%q", text)
	}
}
