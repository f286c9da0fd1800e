package httpserver_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"spillway/internal/config"
	"spillway/internal/httpserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) })
}

func newRouter(reg *prometheus.Registry) *httpserver.Router {
	r := httpserver.NewRouter(reg)
	r.Handle(http.MethodGet, "/{$}", "/", text("root"))
	r.HandleStatus(http.MethodPost, "/push/{flow}", "/push/{flow}", http.StatusNoContent, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
	r.HandleUncounted("/healthz", httpserver.Health())
	return r
}

func TestEveryRouteHasItsSeriesBeforeTheFirstRequest(t *testing.T) {
	reg := prometheus.NewRegistry()
	newRouter(reg)
	want := `
# HELP http_requests_total HTTP requests answered, by method, route pattern and status; probes and scrapes are not counted.
# TYPE http_requests_total counter
http_requests_total{method="GET",path="/",status="200"} 0
http_requests_total{method="POST",path="/push/{flow}",status="204"} 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "http_requests_total"); err != nil {
		t.Fatal(err)
	}
}

func TestRequestsAreCountedByPatternAndProbesAreNot(t *testing.T) {
	reg := prometheus.NewRegistry()
	router := newRouter(reg)
	for _, req := range []struct{ method, path string }{
		{"GET", "/"},
		{"GET", "/"},
		{"POST", "/push/a"},
		{"POST", "/push/b"},
		{"GET", "/healthz"},
		{"GET", "/nowhere/42"},
		{"DELETE", "/"},
		{"BREW", "/pot"},
	} {
		router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), req.method, req.path, nil))
	}
	want := `
# HELP http_requests_total HTTP requests answered, by method, route pattern and status; probes and scrapes are not counted.
# TYPE http_requests_total counter
http_requests_total{method="DELETE",path="other",status="405"} 1
http_requests_total{method="GET",path="/",status="200"} 2
http_requests_total{method="GET",path="other",status="404"} 1
http_requests_total{method="POST",path="/push/{flow}",status="204"} 2
http_requests_total{method="other",path="other",status="404"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "http_requests_total"); err != nil {
		t.Fatal(err)
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP http_requests_in_flight HTTP requests being answered now; probes and scrapes are not counted.
# TYPE http_requests_in_flight gauge
http_requests_in_flight 0
`), "http_requests_in_flight"); err != nil {
		t.Fatal(err)
	}
}

func TestHealthNamesEachCheck(t *testing.T) {
	h := httpserver.Health(
		httpserver.Check{Name: "stream", Test: func() error { return nil }},
		httpserver.Check{Name: "target", Test: func() error { return errors.New("connection refused") }},
	)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	if rec.Code != http.StatusServiceUnavailable || rec.Body.String() != "stream: ok\ntarget: connection refused\n" {
		t.Fatalf("got %d %q", rec.Code, rec.Body.String())
	}
}

func TestListenSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	ln, err := httpserver.Listen(t.Context(), "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, err = httpserver.Listen(t.Context(), "--listen", ln.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "--listen") || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("a port in use gave %v", err)
	}
	var bad *config.Error
	if _, err = httpserver.Listen(t.Context(), "--listen", "eighty"); !errors.As(err, &bad) {
		t.Fatalf("a bad address gave %v", err)
	}
}

func TestServeLetsARunningRequestEnd(t *testing.T) {
	ln, err := httpserver.Listen(t.Context(), "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "done")
	})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- httpserver.Serve(ctx, ln, handler, 10*time.Second, zap.NewNop()) }()
	answer := make(chan string, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ln.Addr().String(), http.NoBody)
		resp, err := client.Do(req)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-entered
	cancel()
	close(release)
	if got := <-answer; got != "done" {
		t.Fatalf("the running request got %q", got)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
}

func TestAConnectionOnWhichNothingWasSaidDoesNotHoldUpTheEnd(t *testing.T) {
	ln, err := httpserver.Listen(t.Context(), "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- httpserver.Serve(ctx, ln, http.NotFoundHandler(), 4*time.Second, zap.NewNop()) }()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// Once a later connection is answered, the server knows of this one.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ln.Addr().String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	cancel()
	begin := time.Now()
	if err := <-done; err != nil || time.Since(begin) > 3*time.Second {
		t.Errorf("%v after %s", err, time.Since(begin))
	}
}
