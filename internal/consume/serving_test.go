package consume_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"spillway/internal/consume"
	"spillway/internal/pull"
)

// flowTo is a flow with the shipped defaults whose handler is the target, or discard without one.
func flowTo(subscription, target string) consume.FlowOptions {
	f := consume.DefaultOptions().FlowOptions
	f.Subscription, f.Target = "projects/shop/subscriptions/"+subscription, target
	if target == "" {
		f.Handler = "discard"
	}
	return f
}

func TestSeveralFlowsShareAWorker(t *testing.T) {
	client := startEmulator(t, "offers:offers", "images:images")
	offers, images := newLedger(t, time.Second), newLedger(t, time.Second)
	addr, stop := startWorker(t, func(o *consume.Options) {
		o.FlowOptions = consume.FlowOptions{}
		o.Flows = []consume.FlowOptions{flowTo("offers", offers.URL), flowTo("images", images.URL)}
		o.Flows[1].Name, o.Flows[1].Concurrency = "pictures", 7
	})
	url := "http://" + addr
	eventually(t, "the worker is ready", func() bool { status, _ := get(t, url+"/readyz", ""); return status == http.StatusOK })
	for path, wants := range map[string][]string{
		"/readyz": {"stream offers: ok\nstream images: ok\ntarget of offers: ok\ntarget of images: ok\nnot draining: ok"},
		"/":       {"projects/shop/subscriptions/offers\nname             offers\n", "projects/shop/subscriptions/images\nname             pictures\n", "in flight        0 of 7\n"},
		"/metrics": {
			`pubsub_worker_concurrency_limit{subscription="offers"} 100`, `pubsub_worker_concurrency_limit{subscription="images"} 7`,
			`pubsub_worker_stream_connected{subscription="offers"} 1`, `pubsub_worker_stream_connected{subscription="images"} 1`,
		},
	} {
		for _, want := range wants {
			if _, body := get(t, url+path, ""); !strings.Contains(body, want) {
				t.Errorf("GET %s: %s; want %q in it", path, body, want)
			}
		}
	}
	first, second := publish(t, client, "offers", 20), publish(t, client, "images", 7)
	eventually(t, "both flows handle", func() bool {
		_, body := get(t, url+"/metrics", "")
		return strings.Contains(body, `in_flight{subscription="offers"} 20`) && strings.Contains(body, `in_flight{subscription="images"} 7`)
	})
	begin := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 1900*time.Millisecond { // Each needs up to a second.
		t.Errorf("the flows drained one after the other: %s", took)
	}
	offers.check(t, first)
	images.check(t, second)
}

func TestAFlowThatIsNotRequiredDoesNotHoldReadiness(t *testing.T) {
	startEmulator(t, "offers:offers")
	addr, _ := startWorker(t, func(o *consume.Options) {
		o.Flows = []consume.FlowOptions{flowTo("offers", ""), flowTo("missing", ""), flowTo("pushed", "")}
		o.Flows[1].Required, o.Flows[2].Receive = false, "push"
	})
	eventually(t, "the worker is ready", func() bool {
		status, body := get(t, "http://"+addr+"/readyz", "")
		return status == http.StatusOK && body == "stream offers: ok\nnot draining: ok\n"
	})
}

// The commands of the HTTP-rate tutorial's README, against a worker.
func TestTheTutorialsCommandsShowWhatItSays(t *testing.T) {
	startEmulator(t, "offers:offers")
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target, o.Handler = "", "discard" })
	url := "http://" + addr
	if status, _ := get(t, url+"/health", ""); status != http.StatusOK {
		t.Errorf("the health check: %d", status)
	}
	for range 6 { // One by hand, five in the loop.
		if status, body := get(t, url+"/", ""); status != http.StatusOK || body == "" {
			t.Errorf("the main endpoint: %d %q", status, body)
		}
	}
	_, metrics := get(t, url+"/metrics", "")
	for _, want := range []string{
		"# TYPE http_request_duration_seconds histogram", "# TYPE http_requests_in_flight gauge", "# TYPE http_requests_total counter",
		`http_request_duration_seconds_bucket{method="GET",path="/",le="0.05"}`, `http_request_duration_seconds_bucket{method="GET",path="/",le="0.1"}`,
		`http_request_duration_seconds_bucket{method="GET",path="/",le="0.25"}`, `http_request_duration_seconds_bucket{method="GET",path="/",le="0.5"}`,
		`http_request_duration_seconds_bucket{method="GET",path="/",le="1"}`, `http_request_duration_seconds_bucket{method="GET",path="/",le="2.5"}`,
		`http_request_duration_seconds_bucket{method="GET",path="/",le="5"}`, `http_request_duration_seconds_bucket{method="GET",path="/",le="+Inf"} 6`,
		`http_request_duration_seconds_sum{method="GET",path="/"}`, `http_request_duration_seconds_count{method="GET",path="/"} 6`,
		"http_requests_in_flight 0", `http_requests_total{method="GET",path="/",status="200"} 6`,
		"# TYPE go_goroutines gauge", "# TYPE go_info gauge", "# TYPE process_cpu_seconds_total counter", "# TYPE process_resident_memory_bytes gauge",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics do not have %s", want)
		}
	}
	begin := time.Now()
	status, body := get(t, url+"/demo", "")
	if took := time.Since(begin); status != http.StatusOK || !strings.HasPrefix(body, "Hello! Current time: 20") || took < 100*time.Millisecond {
		t.Errorf("the demonstration request: %d %q after %s", status, body, took)
	}
	if _, metrics := get(t, url+"/metrics", ""); !strings.Contains(metrics, `http_requests_total{method="GET",path="/demo",status="200"} 1`) {
		t.Error("the demonstration request is not counted")
	}
}

func TestPprofIsOnAPortOfItsOwnOnLoopbackAndOffByDefault(t *testing.T) {
	startEmulator(t, "offers:offers")
	run := func(admin string) *consume.App {
		o := valid()
		o.Listen, o.AdminListen = "127.0.0.1:0", admin
		app, err := consume.New(t.Context(), o, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		runUntilCleanup(t, app.Run)
		return app
	}
	with, without := run(":0"), run("")
	if addr := without.AdminAddr(); addr != "" {
		t.Errorf("pprof on %s by default", addr)
	}
	if host, _, _ := net.SplitHostPort(with.AdminAddr()); host != "127.0.0.1" {
		t.Errorf("pprof on %s", with.AdminAddr())
	}
	if status, body := get(t, "http://"+with.AdminAddr()+"/debug/pprof/goroutine?debug=1", ""); status != http.StatusOK || !strings.Contains(body, "goroutine profile") {
		t.Errorf("pprof: %d %.80s", status, body)
	}
	if status, _ := get(t, "http://"+with.Addr()+"/debug/pprof/", ""); status != http.StatusNotFound {
		t.Errorf("pprof on the worker's own port: %d", status)
	}
}

// post posts a body and returns the status and the answer.
func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// untilReady waits until the worker has found its target well: before, a push is told to come again.
func untilReady(t *testing.T, addr string) {
	t.Helper()
	eventually(t, "the worker is ready", func() bool {
		status, _ := get(t, "http://"+addr+"/readyz", "")
		return status == http.StatusOK
	})
}

func TestAFlowThatPullsTakesNoPushes(t *testing.T) {
	startEmulator(t, "offers:offers")
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target, o.Handler = "", "discard" })
	status, body := post(t, "http://"+addr+"/push/offers", `{"message":{"messageId":"1"}}`)
	if status != http.StatusNotFound || !strings.Contains(body, "no flow of this name takes push deliveries") {
		t.Errorf("got %d %q", status, body)
	}
}

const pusher = "pusher@shop.iam.gserviceaccount.com"

// pushTo makes the emulator push the messages of a new subscription of the topic "offers" to the endpoint.
func pushTo(t *testing.T, client *pubsub.Client, subscription, endpoint, audience string) {
	t.Helper()
	_, err := client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: "projects/shop/subscriptions/" + subscription, Topic: "projects/shop/topics/offers",
		PushConfig: &pubsubpb.PushConfig{PushEndpoint: endpoint, AuthenticationMethod: &pubsubpb.PushConfig_OidcToken_{
			OidcToken: &pubsubpb.PushConfig_OidcToken{ServiceAccountEmail: pusher, Audience: audience},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPushDeliveriesWithTokensReachTheHandler(t *testing.T) {
	client := startEmulator(t, "offers")
	target := newLedger(t, 0)
	core, logged := observer.New(zapcore.DebugLevel)
	o := valid()
	o.Listen, o.Target, o.Receive = "127.0.0.1:0", target.URL, "push"
	o.PushAudience, o.PushServiceAccount = "worker", pusher
	o.PushKeys = "http://" + os.Getenv(pull.EmulatorVariable) + "/oauth2/v3/certs"
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	app, err := consume.New(t.Context(), o, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	runUntilCleanup(t, app.Run)
	url := "http://" + app.Addr()
	pushTo(t, client, "offers", url+"/push/offers", "worker")
	pushTo(t, client, "refused", url+"/push/offers", "somebody else")
	ids := publish(t, client, "offers", 500)
	eventually(t, "every message is handled", func() bool { return target.unique() == len(ids) })
	target.check(t, ids)
	if status, body := post(t, url+"/push/offers", `{"message":{"messageId":"1"}}`); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d %q", status, body)
	}
	if status, body := get(t, url+"/readyz", ""); status != http.StatusOK {
		t.Errorf("a flow that is only pushed is not ready: %s", body)
	}
	eventually(t, "what is signed for somebody else is refused", func() bool {
		_, metrics := get(t, url+"/metrics", "")
		return strings.Contains(metrics, `http_requests_total{method="POST",path="/push/{flow}",status="204"} 500`) &&
			strings.Contains(metrics, `http_requests_total{method="POST",path="/push/{flow}",status="401"}`)
	})
	warned := false
	for _, entry := range logged.All() {
		text := fmt.Sprintf("%s %v", entry.Message, entry.ContextMap())
		if strings.Contains(text, "eyJ") || strings.Contains(text, "Bearer ") { // How every token begins.
			t.Errorf("a token is in the log: %s", text)
		}
		warned = warned || strings.Contains(text, "its audience is another")
	}
	if !warned {
		t.Error("nobody is told why deliveries are refused")
	}
}

// recorder keeps what it is sent.
type recorder struct {
	*httptest.Server
	mu     sync.Mutex
	bodies [][]byte
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bodies = append(r.bodies, body)
	}))
	t.Cleanup(r.Close)
	return r
}

// all returns n bodies as JSON, by message ID.
func (r *recorder) all(t *testing.T, n int) map[string]any {
	t.Helper()
	eventually(t, fmt.Sprintf("%d deliveries are recorded", n), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.bodies) >= n
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	byID := map[string]any{}
	for _, body := range r.bodies {
		var v map[string]any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		byID[v["message"].(map[string]any)["messageId"].(string)] = v
	}
	return byID
}

func TestThePushPathPassesDeliveriesOnUnchanged(t *testing.T) {
	client := startEmulator(t, "offers")
	direct, behind := newRecorder(t), newRecorder(t)
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target, o.Receive = behind.URL, "push" })
	pushTo(t, client, "offers", direct.URL, "")
	p := client.Publisher("offers")
	defer p.Stop()
	p.EnableMessageOrdering = true
	for _, m := range []*pubsub.Message{
		{Data: []byte("hello")},
		{Data: []byte{0, 255, 128}, Attributes: map[string]string{"ü": "<&> \u2028", "empty": ""}, OrderingKey: "kunde-ä"},
		{Attributes: map[string]string{"alone": "yes"}},
		{Data: bytes.Repeat([]byte("x"), 1<<20)},
	} {
		if _, err := p.Publish(t.Context(), m).Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := direct.all(t, 4)
	untilReady(t, addr)
	for _, body := range direct.bodies {
		if status, answer := post(t, "http://"+addr+"/push/offers", string(body)); status != http.StatusNoContent {
			t.Errorf("%d %s", status, answer)
		}
	}
	if diff := cmp.Diff(want, behind.all(t, 4)); diff != "" {
		t.Error(diff)
	}
}

func TestAPushThatIsUnderWayAtTheStopIsAnswered(t *testing.T) {
	startEmulator(t)
	entered := make(chan struct{}, 1)
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		time.Sleep(300 * time.Millisecond)
	}))
	defer target.Close()
	addr, stop := startWorker(t, func(o *consume.Options) { o.Target, o.Receive = target.URL, "push" })
	untilReady(t, addr)
	answered := make(chan int, 1)
	go func() {
		status, _ := post(t, "http://"+addr+"/push/offers", `{"message":{"messageId":"1"}}`)
		answered <- status
	}()
	select {
	case <-entered:
	case status := <-answered:
		t.Fatalf("the target is not asked: %d", status)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if status := <-answered; status != http.StatusNoContent {
		t.Errorf("got %d", status)
	}
}
