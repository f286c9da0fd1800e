package kube

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

// TestAnswersThatNoAPIServerShouldGive: the watcher is not ready, counts, and ends when it is told to.
func TestAnswersThatNoAPIServerShouldGive(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		silent bool // nothing fails, because nothing is answered
	}{
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>hello</html>")) }, false},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write([]byte(`{"kind":"HorizontalPodAutoscalerList","apiVersion":"autoscaling/v2","items":[`))
		}, false},
		{"a failure", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusInternalServerError) }, false},
		{"a redirect in circles", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.String(), http.StatusFound)
		}, false},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := make(chan struct{}, 100)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				select {
				case asked <- struct{}{}:
				default:
				}
				tt.answer(w, r)
			}))
			t.Cleanup(func() {
				server.CloseClientConnections()
				server.Close()
			})
			client, scales, err := Connect(kubeconfig(t, server.URL))
			if err != nil {
				t.Fatal(err)
			}
			w := NewWatcher(client, scales, Options{Book: ask.NewBook(backlog.Definitions()), Now: time.Now}, prometheus.NewPedanticRegistry(), zap.NewNop())
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- w.Run(ctx) }()
			<-asked
			for deadline := time.Now().Add(20 * time.Second); !tt.silent && testutil.ToFloat64(w.metrics.watchErrors.WithLabelValues(resourceAutoscalers)) == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("nothing fails: %v", w.Ready())
				}
			}
			if err := w.Ready(); err == nil || !strings.Contains(err.Error(), "have not been listed") {
				t.Errorf("readiness says %v", err)
			}
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it does not end")
			}
		})
	}
}

// TestAServerThatIsAway: no connection is ever made. It is told, and holds up no stop.
func TestAServerThatIsAway(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client, scales, err := Connect(kubeconfig(t, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	w := NewWatcher(client, scales, Options{Book: ask.NewBook(backlog.Definitions()), Now: time.Now}, prometheus.NewPedanticRegistry(), zap.NewNop())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); w.Ready() == nil || !strings.Contains(w.Ready().Error(), "connection refused"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("readiness says %v", w.Ready())
		}
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it does not end")
	}
}
