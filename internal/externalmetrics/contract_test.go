package externalmetrics

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zaptest"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	client "k8s.io/metrics/pkg/client/external_metrics"
)

// run runs the API until the test ends, and waits until it is ready unless the cluster is closed.
func run(t testing.TB, c *cluster, s Source, opts Options, trusted []byte) *served {
	t.Helper()
	server := NewServer(opts, listen(t), s, prometheus.NewPedanticRegistry(), zaptest.NewLogger(t))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	}
	t.Cleanup(stop)
	for !c.closed.Load() && server.Ready() != nil {
		select {
		case err := <-done:
			t.Fatalf("the server ended with %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return &served{Server: server, trusted: trusted, stop: stop}
}

// TestContract asks as the HorizontalPodAutoscaler asks, with its client, over TLS.
func TestContract(t *testing.T) {
	c := newCluster(t)
	s := serve(t, c, source())
	hpa, err := client.NewForConfig(s.config("hpa"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{adapterName, exporterName, shortName} {
		for _, sel := range []string{"resource.labels.subscription_id=offers", "subscription_id in (offers),project_id=shop"} {
			list, err := hpa.NamespacedMetrics("web").List(name, selector(t, sel))
			if err != nil {
				t.Fatalf("%s %s: %v", name, sel, err)
			}
			if len(list.Items) != 1 || list.Items[0].Value.Value() != 40000 || list.Items[0].MetricName != name {
				t.Errorf("%s %s: %v", name, sel, list.Items)
			}
			if got := list.Items[0].Timestamp.UTC(); !got.Equal(start.Add(-2 * time.Minute)) {
				t.Errorf("%s %s: of %s, want the sample's instant", name, sel, got)
			}
		}
	}
	failures := []struct {
		what, name, selector string
		is                   func(error) bool
		says                 string
	}{
		{"absent", regionalName, "subscription_id=orders", apierrors.IsServiceUnavailable, "europe-west4 has had no sample"},
		{"unknown", "pubsub_subscription_num_undeliverd_messages", "subscription_id=offers", apierrors.IsNotFound, "Did you mean"},
		{"without a subscription", shortName, "", apierrors.IsBadRequest, "names no subscription"},
		{"somebody else's", "queue_length", "a=b", apierrors.IsNotFound, "queue_length"},
	}
	for _, tt := range failures {
		began := time.Now()
		_, err := hpa.NamespacedMetrics("web").List(tt.name, selector(t, tt.selector))
		if !tt.is(err) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.what, err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: the client was kept for %s", tt.what, took)
		}
	}
}

func TestWhoMayRead(t *testing.T) {
	c := newCluster(t)
	s := serve(t, c, source())
	tests := []struct {
		token, namespace string
		is               func(error) bool
	}{
		{"hpa", "web", func(err error) bool { return err == nil }},
		{"hpa", "secret", apierrors.IsForbidden},
		{"visitor", "web", apierrors.IsForbidden},
		{"stranger", "web", apierrors.IsUnauthorized},
		{"", "web", apierrors.IsForbidden},
	}
	for _, tt := range tests {
		asker, err := client.NewForConfig(s.config(tt.token))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := asker.NamespacedMetrics(tt.namespace).List(shortName, selector(t, "subscription_id=offers")); !tt.is(err) {
			t.Errorf("%q in %s: %v", tt.token, tt.namespace, err)
		}
	}
	tokens, access := c.tokens.Load(), c.access.Load()
	hpa, err := client.NewForConfig(s.config("hpa"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 { // and whatever they select
		_, err := hpa.NamespacedMetrics("web").List(shortName, selector(t, fmt.Sprintf("subscription_id=offers,region!=mars-%d", i)))
		if err != nil {
			t.Fatal(err)
		}
	}
	if c.tokens.Load() != tokens || c.access.Load() != access {
		t.Errorf("50 more requests took %d token and %d access reviews", c.tokens.Load()-tokens, c.access.Load()-access)
	}
}

// TestTheAggregator asks as the API server forwards: the user is in headers, and they count only from the front proxy.
func TestTheAggregator(t *testing.T) {
	c := newCluster(t)
	s := serve(t, c, source())
	impostor, err := issue([]string{"front-proxy"}, x509.ExtKeyUsageClientAuth, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		what, user string
		shown      *pair
		code       int
	}{
		{"the front proxy for the autoscaler", "hpa", c.frontProxy, 200},
		{"the front proxy for somebody else", "visitor", c.frontProxy, 403},
		{"somebody who calls himself the front proxy", "hpa", impostor, 401},
	}
	for _, tt := range tests {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("web", strings.ReplaceAll(adapterName, "|", "%7C"), "subscription_id%3Doffers"), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Remote-User", tt.user)
		resp, err := s.proxied(t, tt.shown).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != tt.code {
			t.Errorf("%s: %d, %v\n%s", tt.what, resp.StatusCode, err, body)
		}
		if resp.Header.Get("Retry-After") != "" {
			t.Errorf("%s: asks to come back later", tt.what)
		}
		var list struct{ Items []struct{ Value string } }
		if err := json.Unmarshal(body, &list); err != nil || tt.code == 200 && (len(list.Items) != 1 || list.Items[0].Value != "40k") {
			t.Errorf("%s: %v %s", tt.what, err, body)
		}
	}
}

// TestAClusterThatIsAway: the exporter runs on, is not ready, and serves as soon as it is told whom to trust.
func TestAClusterThatIsAway(t *testing.T) {
	c := newCluster(t)
	c.closed.Store(true)
	s := serve(t, c, source())
	for s.Ready() == nil || s.Ready().Error() == errStarting.Error() {
		time.Sleep(time.Millisecond)
	}
	if err := s.Ready(); !strings.Contains(err.Error(), "asking the API server whom to trust") {
		t.Errorf("not ready because of %v", err)
	}
	c.closed.Store(false)
	for deadline := time.Now().Add(20 * time.Second); s.Ready() != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not ready: %v", s.Ready())
		}
	}
	hpa, err := client.NewForConfig(s.config("hpa"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hpa.NamespacedMetrics("web").List(shortName, selector(t, "subscription_id=offers")); err != nil {
		t.Fatal(err)
	}
	s.stop()
	if s.Ready() == nil {
		t.Error("ready after it has stopped")
	}
}
