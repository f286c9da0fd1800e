package externalmetrics

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	client "k8s.io/metrics/pkg/client/external_metrics"
)

const values = `{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","items":[
	{"metricName":"s0-redis","metricLabels":{"a":"b"},"timestamp":"2026-11-27T07:59:00Z","value":"12500m"}]}`

// adapter is another adapter that answers everybody in the same way and remembers what it was asked.
type adapter struct {
	*httptest.Server
	asked   []*http.Request
	ca      string
	token   string
	forward *Forwarder
}

func newAdapter(t *testing.T, code int, body string) *adapter {
	t.Helper()
	a := &adapter{}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked = append(a.asked, r)
		if code == http.StatusFound {
			w.Header().Set("Location", "https://evil.example/")
		}
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(a.Close)
	dir := t.TempDir()
	a.ca, a.token = filepath.Join(dir, "ca.crt"), filepath.Join(dir, "token")
	write(t, a.ca, block("CERTIFICATE", a.Certificate().Raw))
	write(t, a.token, []byte("exporter"))
	forward, err := NewForwarder(ForwardOptions{URL: a.URL, CAFile: a.ca, TokenFile: a.token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(forward.client.CloseIdleConnections)
	a.forward = forward
	return a
}

func TestForward(t *testing.T) {
	a := newAdapter(t, 200, values)
	list, err := a.forward.List(t.Context(), "web", "s0|redis", selector(t, "scaledobject.keda.sh/name=web,x in (a,b)"))
	if err != nil {
		t.Fatal(err)
	}
	item := list.Items[0]
	if item.MetricName != "s0-redis" || item.Value.MilliValue() != 12500 || !item.Timestamp.UTC().Equal(start.Add(-time.Minute)) || item.MetricLabels["a"] != "b" {
		t.Errorf("%+v", item)
	}
	r := a.asked[0]
	if got := r.URL.EscapedPath(); got != "/apis/external.metrics.k8s.io/v1beta1/namespaces/web/s0%7Credis" {
		t.Errorf("asked for %s", got)
	}
	if diff := cmp.Diff([]string{"scaledobject.keda.sh/name=web,x in (a,b)"}, r.URL.Query()["labelSelector"]); diff != "" {
		t.Errorf("selector (-want +got):\n%s", diff)
	}
	if got := r.Header.Get("Authorization"); got != "Bearer exporter" {
		t.Errorf("we are %q", got)
	}
}

func TestForwardErrors(t *testing.T) {
	status := func(code, reason, message string) string {
		return `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"` + reason + `","message":"` + message + `","details":{"retryAfterSeconds":30},"code":` + code + `}`
	}
	tests := []struct {
		what string
		code int
		body string
		is   func(error) bool
		says string
	}{
		{"not there", 404, status("404", "NotFound", "no such trigger"), apierrors.IsNotFound, "no such trigger"},
		{"a bad selector", 400, status("400", "BadRequest", "bad selector"), apierrors.IsBadRequest, "bad selector"},
		{"we are not let in", 403, status("403", "Forbidden", "exporter may not"), apierrors.IsServiceUnavailable, "answers 403: exporter may not"},
		{"overloaded", 429, status("429", "TooManyRequests", "later"), apierrors.IsServiceUnavailable, "answers 429"},
		{"broken", 500, "<html>", apierrors.IsServiceUnavailable, "answers 500"},
		{"a redirect", 302, "", apierrors.IsServiceUnavailable, "answers 302"},
		{"no list", 200, `{"kind":"Pod"}`, apierrors.IsServiceUnavailable, "not a list"},
		{"no JSON", 200, "hello", apierrors.IsServiceUnavailable, "not a list"},
		{"huge", 200, `{"kind":"` + strings.Repeat("x", maxAnswer), apierrors.IsServiceUnavailable, "too long"},
		{"a long story", 500, status("500", "x", strings.Repeat("y", 5000)), apierrors.IsServiceUnavailable, "yyy..."},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			a := newAdapter(t, tt.code, tt.body)
			_, err := a.forward.List(t.Context(), "web", "s0-redis", labels.Everything())
			if !tt.is(err) || !strings.Contains(err.Error(), tt.says) || len(err.Error()) > 500 {
				t.Fatalf("%v", err)
			}
			if seconds, wait := apierrors.SuggestsClientDelay(err); wait {
				t.Errorf("asks to come back in %d s", seconds)
			}
			if len(a.asked) != 1 {
				t.Errorf("asked %d times", len(a.asked))
			}
		})
	}
	t.Run("away", func(t *testing.T) {
		a := newAdapter(t, 200, values)
		a.Close()
		if _, err := a.forward.List(t.Context(), "web", "s0-redis", labels.Everything()); !apierrors.IsServiceUnavailable(err) || strings.Contains(err.Error(), "labelSelector") {
			t.Fatalf("%v", err)
		}
	})
	t.Run("somebody else with its address", func(t *testing.T) {
		a := newAdapter(t, 200, values)
		other, err := newPair([]string{"other"}, nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		ca := filepath.Join(t.TempDir(), "ca.crt")
		write(t, ca, other.bundle)
		f, err := NewForwarder(ForwardOptions{URL: a.URL, CAFile: ca, TokenFile: a.token})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.List(t.Context(), "web", "s0-redis", labels.Everything()); !apierrors.IsServiceUnavailable(err) || !strings.Contains(err.Error(), "certificate") {
			t.Fatalf("%v", err)
		}
		if len(a.asked) != 0 {
			t.Error("it was asked, and has our token now")
		}
	})
	t.Run("a name that leads elsewhere", func(t *testing.T) {
		a := newAdapter(t, 200, values)
		for _, name := range []string{"..", ".", "a/b", "%2e"} {
			if _, err := a.forward.List(t.Context(), "web", name, labels.Everything()); !apierrors.IsBadRequest(err) {
				t.Errorf("%q: %v", name, err)
			}
		}
		if len(a.asked) != 0 {
			t.Error("it was asked")
		}
	})
}

func TestForwarderWantsTLS(t *testing.T) {
	for _, url := range []string{"", "http://adapter.web.svc", "adapter.web.svc:443", "https://", "https://me:pw@adapter", "https://adapter/apis", "https://adapter?x"} {
		if _, err := NewForwarder(ForwardOptions{URL: url}); err == nil {
			t.Errorf("%q is taken", url)
		}
	}
	if _, err := NewForwarder(ForwardOptions{URL: "https://adapter", CAFile: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a missing CA file is taken")
	}
}

// TestTheDelegateBehindUs asks us, as the autoscaler does, for a metric of another adapter.
func TestTheDelegateBehindUs(t *testing.T) {
	a := newAdapter(t, 200, values)
	s := source()
	s.Delegate = a.forward
	api := serve(t, newCluster(t), s)
	hpa, err := client.NewForConfig(api.config("hpa"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := hpa.NamespacedMetrics("web").List("s0-redis", selector(t, "scaledobject.keda.sh/name=web"))
	if err != nil || len(list.Items) != 1 || list.Items[0].Value.MilliValue() != 12500 {
		t.Fatalf("%v %v", list, err)
	}
	for _, header := range []string{"X-Remote-User", "X-Remote-Group", "Cookie"} {
		if a.asked[0].Header.Get(header) != "" {
			t.Errorf("the delegate is told %s", header)
		}
	}
	if got := a.asked[0].Header.Get("Authorization"); got != "Bearer exporter" {
		t.Errorf("the delegate sees %q", got)
	}
	visitor, err := client.NewForConfig(api.config("visitor"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := visitor.NamespacedMetrics("web").List("s0-redis", labels.Everything()); !apierrors.IsForbidden(err) || len(a.asked) != 1 {
		t.Errorf("who may not ask us asked the delegate through us: %v, %d", err, len(a.asked))
	}
}
