package deliver

import (
	"net/http"
	"net/url"
	"testing"
)

func TestWithoutTracingARequestCostsNothingMore(t *testing.T) {
	off, header := newSpans(nil, &url.URL{}), http.Header{"Content-Type": {"application/json"}}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		span, same := off.begin(ctx, header)
		off.end(span, http.StatusNoContent, Verdict{Result: Ack})
		if len(same) != 1 {
			t.Error("a header was added")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
