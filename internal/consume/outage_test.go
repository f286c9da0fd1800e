package consume_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/internal/consume"
)

// fragile is a target that can go away and come back at the same address.
type fragile struct {
	t       *testing.T
	address string
	takes   time.Duration

	mu       sync.Mutex
	server   *httptest.Server // nil while it is away
	status   int              // what it answers; 0 means 204
	seen     map[string]int
	attempts int // the highest
}

func newFragile(t *testing.T, takes time.Duration) *fragile {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fragile{t: t, address: ln.Addr().String(), takes: takes, seen: map[string]int{}}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.down)
	return f
}

func (f *fragile) url() string { return "http://" + f.address + "/offers" }

// up lets it listen, down takes it away with everything that it was working on.
func (f *fragile) up() {
	f.t.Helper()
	ln, err := new(net.ListenConfig).Listen(f.t.Context(), "tcp", f.address)
	if err != nil {
		f.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	_ = server.Listener.Close()
	server.Listener = ln
	server.Start()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.server = server
}

func (f *fragile) down() {
	f.mu.Lock()
	server := f.server
	f.server = nil
	f.mu.Unlock()
	if server != nil {
		_ = server.Listener.Close()
		server.CloseClientConnections()
		server.Close()
	}
}

func (f *fragile) answer(status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = status
}

func (f *fragile) serve(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Message         struct{ MessageID string }
		DeliveryAttempt int
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return
	}
	time.Sleep(f.takes)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts = max(f.attempts, body.DeliveryAttempt)
	switch {
	case f.server == nil: // It went away meanwhile.
		panic(http.ErrAbortHandler)
	case f.status != 0:
		w.WriteHeader(f.status)
	default:
		f.seen[body.Message.MessageID]++
		w.WriteHeader(http.StatusNoContent)
	}
}

func (f *fragile) handled() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen)
}

// policy gives the subscription a dead-letter policy, so that attempts are counted, and none is to be dead-lettered.
func policy(t *testing.T, client *pubsub.Client) {
	t.Helper()
	_, err := client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: "projects/shop/subscriptions/offers", Topic: "projects/shop/topics/offers",
		DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{DeadLetterTopic: "projects/shop/topics/dead", MaxDeliveryAttempts: 5},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// series reads one series of a worker, with its labels as they are served.
func series(t *testing.T, addr, name string) float64 {
	t.Helper()
	_, text := get(t, "http://"+addr+"/metrics", "")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("there is no %s", name)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const (
	pausedSeries = `pubsub_worker_paused{subscription="offers"}`
	heldSeries   = `pubsub_worker_held_messages{reason="target",subscription="offers"}`
	streamSeries = `pubsub_worker_stream_connected{subscription="offers"}`
)

func TestTheWorkerWaitsForItsTargetAndSaysSo(t *testing.T) {
	client := startEmulator(t, "offers:offers")
	target := newFragile(t, 0)
	ids := publish(t, client, "offers", 50)
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target = target.url() })
	eventually(t, "readiness says that the target is away", func() bool {
		status, body := get(t, "http://"+addr+"/readyz", "")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "target of offers: it does not take messages") && strings.Contains(body, "refused")
	})
	if n := series(t, addr, streamSeries); n != 0 {
		t.Errorf("%v streams are open", n)
	}
	if status, body := get(t, "http://"+addr+"/livez", ""); status != http.StatusOK {
		t.Errorf("a target that is away is no reason to be killed: %d %s", status, body)
	}
	target.up()
	eventually(t, "everything is handled", func() bool { return target.handled() == len(ids) })
	eventually(t, "the worker is ready", func() bool { status, _ := get(t, "http://"+addr+"/readyz", ""); return status == http.StatusOK })
	if n := series(t, addr, pausedSeries); n != 0 {
		t.Errorf("paused is %v", n)
	}
}

func TestAHealthURLIsAskedBeforeTheFirstMessage(t *testing.T) {
	client := startEmulator(t, "offers:offers")
	target := newFragile(t, 0)
	target.up()
	var mu sync.Mutex
	status := http.StatusServiceUnavailable
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.WriteHeader(status)
	}))
	defer health.Close()
	ids := publish(t, client, "offers", 10)
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target, o.TargetHealth = target.url(), health.URL+"/healthz?token=secret" })
	eventually(t, "readiness says what the health is", func() bool {
		_, body := get(t, "http://"+addr+"/readyz", "")
		if strings.Contains(body, "secret") {
			t.Fatal("a secret is shown")
		}
		return strings.Contains(body, "the target's health is 503")
	})
	if target.handled() != 0 {
		t.Error("messages were handled before")
	}
	mu.Lock()
	status = http.StatusOK
	mu.Unlock()
	eventually(t, "everything is handled", func() bool { return target.handled() == len(ids) })
}

func TestAnOutageOfTheTargetCostsAMessageAtMostOneAttempt(t *testing.T) {
	tests := []struct {
		name        string
		begin, end  func(*fragile)
		mostAttempt int
	}{
		{"it is away", (*fragile).down, (*fragile).up, 2},
		{"it answers 503", func(f *fragile) { f.answer(http.StatusServiceUnavailable) }, func(f *fragile) { f.answer(0) }, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := startEmulator(t, "offers", "dead:dead")
			policy(t, client)
			target := newFragile(t, 5*time.Millisecond)
			target.up()
			addr, _ := startWorker(t, func(o *consume.Options) { o.Target, o.Concurrency = target.url(), 20 })
			ids := publish(t, client, "offers", 2000)
			eventually(t, "the work is under way", func() bool { return target.handled() >= 200 })
			began := time.Now()
			tt.begin(target)
			eventually(t, "pulling is paused", func() bool { return series(t, addr, pausedSeries) == 1 })
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("pulling was paused after %s", took)
			}
			eventually(t, "the stream is closed", func() bool { return series(t, addr, streamSeries) == 0 })
			<-time.After(3 * time.Second)
			tt.end(target)
			eventually(t, "everything is handled", func() bool { return target.handled() == len(ids) })
			target.mu.Lock()
			defer target.mu.Unlock()
			if target.attempts > tt.mostAttempt {
				t.Errorf("attempt %d, at most %d", target.attempts, tt.mostAttempt)
			}
			if n := backlogOf(t, client, "dead"); n != 0 {
				t.Errorf("%d messages are dead-lettered", n)
			}
		})
	}
}

// backlogOf says how many messages a subscription gives at once.
func backlogOf(t *testing.T, client *pubsub.Client, id string) int {
	t.Helper()
	r, err := client.SubscriptionAdminClient.Pull(t.Context(), &pubsubpb.PullRequest{
		Subscription: "projects/shop/subscriptions/" + id, MaxMessages: 1000, ReturnImmediately: true, //nolint:staticcheck // Nothing is to be waited for.
	})
	if err != nil {
		t.Fatal(err)
	}
	return len(r.GetReceivedMessages())
}

func TestAStopWhileTheTargetIsAwayGivesEverythingBackInTime(t *testing.T) {
	client := startEmulator(t, "offers", "dead")
	policy(t, client)
	target := newFragile(t, 50*time.Millisecond)
	target.up()
	addr, stop := startWorker(t, func(o *consume.Options) {
		o.Target, o.Concurrency, o.DrainLimit = target.url(), 5, time.Second
	})
	ids := publish(t, client, "offers", 200)
	eventually(t, "the work is under way", func() bool { return target.handled() >= 10 })
	target.down()
	eventually(t, "messages are held", func() bool { return series(t, addr, heldSeries) > 0 })
	began := time.Now()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the stop took %s", took)
	}
	target.up()
	startWorker(t, func(o *consume.Options) { o.Target = target.url() })
	eventually(t, "another worker handles the rest", func() bool { return target.handled() == len(ids) })
}

func TestATargetThatHangsHoldsUpNoOtherFlow(t *testing.T) {
	client := startEmulator(t, "offers:offers", "images:images")
	quick, stuck := newFragile(t, 0), newFragile(t, 0)
	quick.up()
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hanging.Close()
	addr, _ := startWorker(t, func(o *consume.Options) {
		o.FlowOptions, o.DrainLimit = consume.FlowOptions{}, 0
		o.Flows = []consume.FlowOptions{flowTo("offers", quick.url()), flowTo("images", hanging.URL), flowTo("videos", stuck.url())}
		o.Flows[1].HandlerTimeout, o.Flows[1].Concurrency = time.Second, 20
		o.Flows[2].Required = false
	})
	publish(t, client, "images", 500)
	ids := publish(t, client, "offers", 2000)
	eventually(t, "the quick flow is done", func() bool { return quick.handled() == len(ids) })
	eventually(t, "the flow that hangs is paused", func() bool { return series(t, addr, `pubsub_worker_paused{subscription="images"}`) == 1 })
	if n := series(t, addr, pausedSeries); n != 0 {
		t.Error("the quick flow is paused too")
	}
}

func TestMessagesComeNoFasterThanTheRate(t *testing.T) {
	client := startEmulator(t, "offers:offers")
	target := newFragile(t, 0)
	target.up()
	publish(t, client, "offers", 300)
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target, o.MaxRate, o.Concurrency = target.url(), 50, 10 })
	eventually(t, "the first come", func() bool { return target.handled() >= 10 })
	began, before := time.Now(), target.handled()
	if n := series(t, addr, `pubsub_worker_held_messages{reason="rate",subscription="offers"}`); n == 0 {
		t.Error("nobody waits for his turn")
	}
	eventually(t, "a hundred more", func() bool { return target.handled() >= before+100 }) // A busy machine may be slower.
	if rate := float64(target.handled()-before) / time.Since(began).Seconds(); rate > 60 {
		t.Errorf("%.0f messages a second of 50", rate)
	}
}

func TestAPushIsRefusedWhileTheTargetIsAway(t *testing.T) {
	startEmulator(t, "offers:offers")
	target := newFragile(t, 0)
	addr, _ := startWorker(t, func(o *consume.Options) { o.Target, o.Receive = target.url(), "push" })
	push := func() int {
		body := fmt.Sprintf(`{"message":{"data":"eA==","messageId":"1","publishTime":%q},"subscription":"projects/shop/subscriptions/offers"}`, time.Now().Format(time.RFC3339))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/push/offers", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	eventually(t, "a push is told to come later", func() bool { return push() == http.StatusTooManyRequests })
	target.up()
	eventually(t, "it is handled", func() bool { return push()/100 == 2 })
}
