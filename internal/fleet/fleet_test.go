package fleet

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"spillway/internal/backlog"
)

// page is a worker's with everything that is required.
func page(subscription string, acked int) string {
	return fmt.Sprintf(`pubsub_worker_messages_in_flight{subscription=%[1]q} 1
pubsub_worker_concurrency_limit{subscription=%[1]q} 20
pubsub_worker_first_deliveries_total{subscription=%[1]q} %[2]d
pubsub_worker_messages_settled_total{result="ack",subscription=%[1]q} %[2]d
pubsub_worker_frontier_timestamp_seconds{subscription=%[1]q} 1764241200
`, subscription, acked)
}

// serve is a worker; what it answers is the handler's affair.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func named(url string, subs ...backlog.Subscription) Target {
	return Target{ID: url, URL: url, Subscriptions: subs, Ready: true}
}

// rig is a fleet whose log and metrics the test reads.
type rig struct {
	*Fleet
	logs *observer.ObservedLogs
}

func newRig(t *testing.T, opts Options) *rig {
	t.Helper()
	core, logs := observer.New(zap.WarnLevel)
	f := New(opts, prometheus.NewPedanticRegistry(), zap.New(core))
	t.Cleanup(f.Close)
	return &rig{f, logs}
}

func (r *rig) failures(reason string) float64 {
	return testutil.ToFloat64(r.metrics.failures.WithLabelValues(reason))
}

var lively = Options{Period: 20 * time.Second, Timeout: 10 * time.Second}

// quick has a spread of nothing worth mentioning and a time-out that a test can wait for.
var quick = Options{Period: 500 * time.Millisecond, Timeout: 300 * time.Millisecond}

func TestARoundScrapesEveryWorkerOnce(t *testing.T) {
	r := newRig(t, lively)
	var asked atomic.Int32
	url := serve(t, func(w http.ResponseWriter, req *http.Request) {
		asked.Add(1)
		if !strings.HasPrefix(req.Header.Get("Accept"), "text/plain;version=0.0.4") {
			t.Errorf("asked for %q", req.Header.Get("Accept"))
		}
		says(page("offers", 5)+page("orders", 7))(w, req)
	})
	before := time.Now()
	got := r.Round(t.Context(), []Target{named(url, offers, orders), named(url, offers)})
	if len(got) != 1 || got[0].Err != nil || asked.Load() != 1 {
		t.Fatalf("%+v, asked %d times", got, asked.Load())
	}
	if s := got[0]; s.Flow("offers").Acked != 5 || s.Flow("orders").Acked != 7 || s.Page.AllAcked() != 12 || s.At.Before(before) || s.At.After(time.Now()) {
		t.Fatalf("%+v", s)
	}
}

func TestAScrapeThatFails(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	tests := []struct {
		name, reason, word string
		url                func(t *testing.T) string
	}{
		{"nobody listens", failedConnection, "refused", func(*testing.T) string { return "http://" + closed.Addr().String() }},
		{"nobody knows where", failedConnection, "nobody knows", func(*testing.T) string { return "" }},
		{"an error", failedStatus, "500", func(t *testing.T) string {
			t.Helper()
			return serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		}},
		{"a redirect", failedStatus, "302", func(t *testing.T) string {
			t.Helper()
			return serve(t, func(w http.ResponseWriter, req *http.Request) {
				http.Redirect(w, req, "http://169.254.169.254/", http.StatusFound)
			})
		}},
		{"silence", failedTimeout, "deadline", func(t *testing.T) string {
			t.Helper()
			return serve(t, func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
		}},
		{"a page that breaks off", failedConnection, "EOF", func(t *testing.T) string {
			t.Helper()
			return serve(t, func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Content-Length", "100000")
				says(page("offers", 5))(w, req)
			})
		}},
		{"too much", failedSize, "more than", func(t *testing.T) string {
			t.Helper()
			return serve(t, says(strings.Repeat("# nothing\n", maxPage/10+1)))
		}},
		{"no metrics", failedSeries, `no series with the label subscription="offers"`, func(t *testing.T) string { t.Helper(); return serve(t, says("<html>")) }},
		{"nonsense", failedFormat, "line 1", func(t *testing.T) string {
			t.Helper()
			return serve(t, says(`pubsub_worker_paused{subscription="offers"} yes`))
		}},
		{"a series missing", failedSeries, "it lacks pubsub_worker_messages_in_flight, pubsub_worker_frontier_timestamp_seconds", func(t *testing.T) string {
			t.Helper()
			text := page("offers", 5)
			return serve(t, says(text[strings.Index(text, "\n"):strings.Index(text, "pubsub_worker_frontier")]))
		}},
		{"a negative number", failedSeries, "negative", func(t *testing.T) string { t.Helper(); return serve(t, says(page("offers", -5))) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, quick)
			target := named(tt.url(t), offers)
			for range 2 {
				got := r.Round(t.Context(), []Target{target})[0]
				if got.Err == nil || !strings.Contains(got.Err.Error(), tt.word) || got.Flow("offers") != nil {
					t.Fatalf("%+v does not say %q", got, tt.word)
				}
			}
			if n := r.failures(tt.reason); n != 2 {
				t.Errorf("%v failures by %s", n, tt.reason)
			}
			if told := r.logs.Len(); told != 1 {
				t.Errorf("told %d times", told)
			}
		})
	}
}

// TestWhatWasReadStays until the worker is gone: its instant says how old it is.
func TestWhatWasReadStays(t *testing.T) {
	r := newRig(t, lively)
	var away atomic.Bool
	url := serve(t, func(w http.ResponseWriter, req *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		says(page("offers", 5))(w, req)
	})
	target := []Target{named(url, offers)}
	first := r.Round(t.Context(), target)[0]
	away.Store(true)
	second := r.Round(t.Context(), target)[0]
	if second.Err == nil || !second.At.Equal(first.At) || second.Flow("offers").Acked != 5 {
		t.Fatalf("%+v", second)
	}
	r.Round(t.Context(), nil)
	if again := r.Round(t.Context(), target)[0]; !again.At.IsZero() || again.Flow("offers") != nil {
		t.Fatalf("a worker that was gone is remembered: %+v", again)
	}
	if r.Round(t.Context(), nil); len(r.workers) != 0 {
		t.Fatalf("%d workers are remembered", len(r.workers))
	}
}

// TestWhoNeedNotAnswer: starting pods and terminating ones are asked, and their silence is no failure.
func TestWhoNeedNotAnswer(t *testing.T) {
	r := newRig(t, quick)
	starting, ending := named("http://127.0.0.1:1", offers), named("http://127.0.0.1:2", offers)
	starting.Ready, ending.Terminating = false, true
	for _, s := range r.Round(t.Context(), []Target{starting, ending}) {
		if s.Err == nil {
			t.Errorf("%s answers", s.ID)
		}
	}
	if n := r.failures(failedConnection); n != 0 || r.logs.Len() != 0 {
		t.Errorf("%v failures, told %d times", n, r.logs.Len())
	}
}

// TestARoundEndsInTime: one worker that hangs keeps nobody else back, and more of them than may be asked at once do not either.
func TestARoundEndsInTime(t *testing.T) {
	r := newRig(t, Options{Period: time.Second, Timeout: 800 * time.Millisecond})
	hang := serve(t, func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	good := serve(t, says(page("offers", 5)))
	targets := []Target{named(good, offers)}
	for i := range 2 * atOnce {
		targets = append(targets, named(fmt.Sprintf("%s/%d", hang, i), offers))
	}
	began := time.Now()
	got := r.Round(t.Context(), targets)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it takes %s", took)
	}
	if len(got) != len(targets) || r.logs.Len() != maxTold+1 {
		t.Errorf("%d scrapes, told %d times", len(got), r.logs.Len())
	}
	if r.failures(failedTimeout) == 0 {
		t.Error("nobody timed out")
	}
}

func TestARoundThatIsEndedEnds(t *testing.T) {
	r := newRig(t, lively)
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(_ http.ResponseWriter, req *http.Request) {
		cancel()
		<-req.Context().Done()
	})
	if got := r.Round(ctx, []Target{named(url, offers)}); got[0].Err == nil {
		t.Fatal("it is no failure")
	}
}

// BenchmarkRound is what a round of 500 workers costs, the servers' side of it included.
func BenchmarkRound(b *testing.B) {
	text, err := os.ReadFile("../consume/testdata/metrics.golden")
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(says(string(text)))
	b.Cleanup(server.Close)
	f := New(Options{Period: time.Second, Timeout: 800 * time.Millisecond}, prometheus.NewPedanticRegistry(), zap.NewNop())
	b.Cleanup(f.Close)
	var targets []Target
	for i := range 500 {
		targets = append(targets, named(fmt.Sprintf("%s/%d", server.URL, i), offers))
	}
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.ReportAllocs()
	for b.Loop() {
		f.Round(b.Context(), targets)
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	spent := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(spent.Milliseconds())/float64(b.N), "cpu-ms/op")
}
