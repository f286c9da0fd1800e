package consume

import (
	"testing"

	"go.uber.org/zap"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
	"spillway/internal/tracing"
)

func TestWithoutTracingAMessageCostsNothingMore(t *testing.T) {
	off := newSpans(nil, backlog.Subscription{Project: "shop", ID: "offers"})
	m := &backlog.Message{ID: "1", Attributes: backlog.Attributes{{Key: "traceparent", Value: "00-11111111111111111111111111111111-1111111111111111-01"}}}
	working, request := t.Context(), t.Context()
	if n := testing.AllocsPerRun(100, func() {
		ctx := off.begin(working, request, m)
		off.end(ctx, deliver.Verdict{Result: deliver.Nack})
		if ctx != working {
			t.Error("another context")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkSpan is what a message's span costs, the collector apart.
func BenchmarkSpan(b *testing.B) {
	sub := backlog.Subscription{Project: "shop", ID: "offers"}
	m := &backlog.Message{ID: "1", DeliveryAttempt: 1, Attributes: backlog.Attributes{{Key: "googclient_traceparent", Value: "00-11111111111111111111111111111111-1111111111111111-01"}}}
	run := func(b *testing.B, s *spans) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			s.end(s.begin(b.Context(), nil, m), deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK})
		}
	}
	b.Run("off", func(b *testing.B) { run(b, nil) })
	for _, sampler := range []string{"always_off", "always_on"} {
		b.Run(sampler, func(b *testing.B) {
			b.Setenv("OTEL_TRACES_EXPORTER", "otlp")
			b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			b.Setenv("OTEL_TRACES_SAMPLER", sampler)
			on, err := tracing.New(b.Context(), "worker", zap.NewNop())
			if err != nil {
				b.Fatal(err)
			}
			run(b, newSpans(on, sub))
			on.Close()
		})
	}
}
