package export

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/zap"
)

func TestAScrapeIsCompressedForWhoAsks(t *testing.T) {
	current, reg := fixture(t)
	want := exposed(t, current, reg, noon, "")
	for asked, gzipped := range map[string]bool{
		"": false, "gzip": true, "deflate, gzip;q=1.0": true, "gzip;q=0.5, identity": true, "gzip;q=0": false, "gzip; q=0.0": false, "br": false, "*": false,
	} {
		rec := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
		req.Header.Set("Accept-Encoding", asked)
		scrape(current, reg, func() time.Time { return noon }, zap.NewNop()).ServeHTTP(rec, req)
		var body io.Reader = rec.Body
		if got := rec.Header().Get("Content-Encoding") == "gzip"; got != gzipped {
			t.Fatalf("asked for %q: compressed is %t", asked, got)
		}
		if gzipped {
			var err error
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(err)
			}
		}
		if text, err := io.ReadAll(body); err != nil || string(text) != want {
			t.Fatalf("asked for %q: got %d bytes, want %d; %v", asked, len(text), len(want), err)
		}
	}
}
