package consume_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"spillway/internal/consume"
	"spillway/internal/emulator"
	"spillway/internal/pull"
)

// bound is how long any condition of these tests may take on a busy machine.
const bound = 60 * time.Second

// startEmulator runs an emulator on a free port, makes it the process's Pub/Sub, and returns a client of it.
func startEmulator(t *testing.T, create ...string) *pubsub.Client {
	t.Helper()
	opts := emulator.DefaultOptions()
	opts.Listen, opts.Project, opts.Create = "127.0.0.1:0", "shop", create
	app, err := emulator.New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	runUntilCleanup(t, app.Run)
	t.Setenv(pull.EmulatorVariable, app.Addr())
	client, err := pubsub.NewClient(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// runUntilCleanup runs an app and returns what stops it, which may be called early.
func runUntilCleanup(t *testing.T, run func(context.Context) error) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return stop
}

// startWorker runs a worker on a free port.
func startWorker(t *testing.T, change func(*consume.Options)) (addr string, stop func() error) {
	t.Helper()
	o := valid()
	o.Listen = "127.0.0.1:0"
	change(&o)
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	app, err := consume.New(t.Context(), o, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return app.Addr(), runUntilCleanup(t, app.Run)
}

// ledger is an HTTP target that notes how often each message came.
type ledger struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int
}

func newLedger(t *testing.T, takes time.Duration) *ledger {
	t.Helper()
	l := &ledger{seen: map[string]int{}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Message struct{ MessageID string } }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		time.Sleep(takes)
		l.mu.Lock()
		l.seen[body.Message.MessageID]++
		l.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *ledger) unique() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

func (l *ledger) check(t *testing.T, published []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	lost, duplicated := 0, 0
	for _, id := range published {
		switch l.seen[id] {
		case 0:
			lost++
		case 1:
		default:
			duplicated++
		}
	}
	if lost+duplicated > 0 || len(l.seen) != len(published) {
		t.Errorf("published %d, handled %d, lost %d, duplicated %d", len(published), len(l.seen), lost, duplicated)
	}
}

func publish(t *testing.T, client *pubsub.Client, topic string, n int) []string {
	t.Helper()
	p := client.Publisher(topic)
	defer p.Stop()
	var results []*pubsub.PublishResult
	for i := range n {
		results = append(results, p.Publish(t.Context(), &pubsub.Message{Data: fmt.Appendf(nil, "offer %d", i)}))
	}
	var ids []string
	for _, r := range results {
		id, err := r.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// eventually waits until ok holds. It polls because the condition is behind a socket.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(bound); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", bound, what)
		}
	}
}

// get returns status and body of a GET.
func get(t *testing.T, url, accept string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestWorkerHandsEveryMessageToTheTargetOnceAndDrainsCleanly(t *testing.T) {
	for _, mode := range []string{"streaming", "unary"} {
		t.Run(mode, func(t *testing.T) {
			client := startEmulator(t, "offers:offers")
			target := newLedger(t, 5*time.Millisecond)
			ids := publish(t, client, "offers", 2000)
			worker := func(o *consume.Options) { o.Target, o.Concurrency, o.PullMode = target.URL, 20, mode }

			addr, stop := startWorker(t, worker)
			eventually(t, "the first worker handles 500", func() bool { return target.unique() >= 500 })
			if err := stop(); err != nil { // In the middle of the work.
				t.Fatal(err)
			}
			if status, _ := get(t, "http://"+addr+"/healthz", ""); status != 0 {
				t.Errorf("the stopped worker still answers %d", status)
			}
			startWorker(t, worker)
			eventually(t, "the second worker handles the rest", func() bool { return target.unique() >= len(ids) })
			target.check(t, ids)
		})
	}
}

func TestWorkerServesHealthStateAndMetrics(t *testing.T) {
	startEmulator(t, "offers:offers")
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target, o.Handler = "", "discard" })
	url := "http://" + addr
	eventually(t, "the worker is ready", func() bool { status, _ := get(t, url+"/readyz", ""); return status == http.StatusOK })
	tests := []struct{ path, accept, want string }{
		{"/", "", "projects/shop/subscriptions/offers\n"},
		{"/", "text/html,*/*", "<h2>projects/shop/subscriptions/offers</h2>"},
		{"/health", "", "handlers: ok"},
		{"/healthz", "", "handlers: ok"},
		{"/livez", "", "handlers: ok"},
		{"/readyz", "", "stream offers: ok\nnot draining: ok"},
		{"/metrics", "", `http_requests_total{method="GET",path="/",status="200"} 2`},
		{"/metrics", "", `pubsub_worker_stream_connected{subscription="offers"} 1`},
		{"/metrics", "", `pubsub_worker_concurrency_limit{subscription="offers"} 100`},
	}
	for _, tt := range tests {
		status, body := get(t, url+tt.path, tt.accept)
		if status != http.StatusOK || !strings.Contains(body, tt.want) {
			t.Errorf("GET %s (%s): %d %s; want %q in it", tt.path, tt.accept, status, body, tt.want)
		}
	}
}

func TestAMissingSubscriptionIsWaitedForAndAVanishedOneToo(t *testing.T) {
	client := startEmulator(t, "offers")
	target := newLedger(t, 0)
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target = target.URL })
	ready := func() (bool, string) {
		status, body := get(t, "http://"+addr+"/readyz", "")
		return status == http.StatusOK, body
	}
	create := func() {
		_, err := client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{
			Name: "projects/shop/subscriptions/offers", Topic: "projects/shop/topics/offers",
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	notThere := func() bool { ok, body := ready(); return !ok && strings.Contains(body, "does not exist") }

	eventually(t, "readiness says that the subscription is missing", notThere)
	create()
	eventually(t, "the subscription that appeared is picked up", func() bool { ok, _ := ready(); return ok })
	first := publish(t, client, "offers", 10)
	eventually(t, "its messages are handled", func() bool { return target.unique() == len(first) })

	err := client.SubscriptionAdminClient.DeleteSubscription(t.Context(), &pubsubpb.DeleteSubscriptionRequest{Subscription: "projects/shop/subscriptions/offers"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "readiness says that it vanished", notThere)
	if status, body := get(t, "http://"+addr+"/livez", ""); status != http.StatusOK {
		t.Errorf("a vanished subscription is no reason to be killed: %d %s", status, body)
	}
	create()
	eventually(t, "it is picked up again", func() bool { ok, _ := ready(); return ok })
	second := publish(t, client, "offers", 10)
	eventually(t, "the messages after that are handled", func() bool { return target.unique() == 20 })
	target.check(t, append(first, second...))
}

func TestAMissingDeadLetterTopicIsWarnedOfOnceAndHoldsUpNothing(t *testing.T) {
	startEmulator(t, "offers:offers")
	core, logs := observer.New(zap.WarnLevel)
	o := valid()
	o.Listen, o.Target, o.Handler, o.DeadLetterTopic = "127.0.0.1:0", "", "discard", "projects/shop/topics/dead"
	app, err := consume.New(t.Context(), o, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	stop := runUntilCleanup(t, app.Run)
	eventually(t, "the worker is ready", func() bool { status, _ := get(t, "http://"+app.Addr()+"/readyz", ""); return status == http.StatusOK })
	warned := func() int {
		return logs.FilterField(zap.Error(errors.New("projects/shop/topics/dead does not exist: create it, or correct dead-letter-topic"))).Len()
	}
	eventually(t, "the log warns", func() bool { return warned() > 0 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := warned(); n != 1 {
		t.Errorf("the log warns %d times", n)
	}
}
