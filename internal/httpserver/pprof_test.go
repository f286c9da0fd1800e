package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"spillway/internal/httpserver"
)

func TestAdminServesProfilesAndNothingElse(t *testing.T) {
	tests := []struct {
		path   string
		status int
		want   string
	}{
		{"/", 404, ""},
		{"/debug/pprof/", 200, "goroutine"},
		{"/debug/pprof/goroutine?debug=1", 200, "goroutine profile: total"},
		{"/debug/pprof/cmdline", 200, "httpserver"},
		{"/metrics", 404, ""},
	}
	for _, tt := range tests {
		rec := httptest.NewRecorder()
		httpserver.Admin().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.path, http.NoBody))
		if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.want) {
			t.Errorf("%s: %d %.80s", tt.path, rec.Code, rec.Body)
		}
	}
}

func TestAnAddressWithoutAHostIsLoopback(t *testing.T) {
	for addr, want := range map[string]string{
		":6060": "127.0.0.1:6060", "0.0.0.0:6060": "0.0.0.0:6060", "[::]:6060": "[::]:6060", "localhost:6060": "localhost:6060",
	} {
		if got := httpserver.Loopback(addr); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}
