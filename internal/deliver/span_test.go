package deliver_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
	"spillway/internal/testenv/collector"
	"spillway/internal/tracing"
)

// traced gives targets the tracing to a collector.
func traced(t *testing.T) func(*deliver.TargetOptions) {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Start(t).URL)
	on, err := tracing.New(t.Context(), "worker", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(on.Close)
	return func(o *deliver.TargetOptions) { o.Tracing = on }
}

func TestEachRequestNamesASpanOfItsOwn(t *testing.T) {
	change := traced(t)
	m := full()
	m.Attributes = append(m.Attributes, backlog.Attribute{Key: "Traceparent", Value: "00-1-2-01"})
	for _, f := range []deliver.Format{deliver.Wrapped, deliver.Unwrapped, deliver.CloudEvents} {
		var mu sync.Mutex
		seen := map[string]bool{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			seen[strings.Join(r.Header.Values("Traceparent"), "|")] = true
			w.WriteHeader(http.StatusNoContent)
		}))
		target := targetAt(t, server.URL, change, format(f))
		var group sync.WaitGroup
		for range 20 { // At once, on headers that they share.
			group.Go(func() {
				if v := target.Handle(t.Context(), m); v.Result != deliver.Ack {
					t.Errorf("%+v", v)
				}
			})
		}
		group.Wait()
		target.Close()
		server.Close()
		for parent := range seen {
			if len(parent) != 55 || !strings.HasPrefix(parent, "00-") {
				t.Errorf("%s: %q", f, parent)
			}
		}
		if len(seen) != 20 {
			t.Errorf("%s: %d spans in 20 requests", f, len(seen))
		}
	}
}
