package consume

import (
	"testing"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
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
