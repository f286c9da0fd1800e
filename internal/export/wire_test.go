package export

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"spillway/internal/backlog"
	"spillway/internal/emulator"
)

// world is an emulator that is 240 times as fast as life, and an exporter that reads it over the wire: a sample every
// 250 ms, visible after 500 ms, fresh for 1 s, held until 2 s.
type world struct {
	*served
	emulator *emulator.App
}

func newWorld(t *testing.T, flags ...string) *world {
	t.Helper()
	eo := emulator.DefaultOptions()
	eo.Listen, eo.Project, eo.Create, eo.Speed, eo.TuneMemory = "127.0.0.1:0", "shop", []string{"events:offers,orders"}, 240, false
	eo.Regions = []string{"europe-west1", "us-east1"}
	e, err := emulator.New(eo, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	background(t, e.Run)
	opts := DefaultOptions()
	opts.PubsubEndpoint = e.Addr() // whatever the environment says
	set(t, &opts, append([]string{
		"--listen=127.0.0.1:0", "--monitoring-endpoint=" + e.Addr(), "--poll-interval=250ms", "--fresh-for=1s", "--hold=1250ms",
	}, flags...)...)
	if err := opts.Validate(); err != nil {
		t.Fatal(err)
	}
	app, err := New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	background(t, app.Run)
	return &world{served: &served{t: t, app: app}, emulator: e}
}

// background runs something until the test ends; it must end well.
func background(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// fault replaces what goes wrong at Cloud Monitoring.
func (w *world) fault(faults ...string) {
	w.t.Helper()
	if faults == nil {
		faults = []string{}
	}
	body, err := json.Marshal(map[string]any{"monitoring": faults})
	if err != nil {
		w.t.Fatal(err)
	}
	w.ask(http.MethodPost, "/admin/faults", string(body))
}

// publish puts messages on the topic.
func (w *world) publish(n int) {
	w.t.Helper()
	messages := make([]map[string]string, n)
	for i := range messages {
		messages[i] = map[string]string{"data": "aGVsbG8="}
	}
	body, err := json.Marshal(map[string]any{"messages": messages})
	if err != nil {
		w.t.Fatal(err)
	}
	w.ask(http.MethodPost, "/v1/projects/shop/topics/events:publish", string(body))
}

// becomes waits until the backlog of offers is in a state for a reason, and returns the answer.
func (w *world) becomes(state backlog.State, reason backlog.Reason) backlog.Answer {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		a := w.app.poller.current.Answer(offers, backlog.Backlog, time.Now())
		if a.Total.State == state && a.Reason == reason {
			return a
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("offers is %s for %q (%s), want %s for %q", a.Total.State, a.Reason, a.Why, state, reason)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// never fails the test if a scrape shows a backlog of offers other than n.
func (w *world) never(n int) {
	w.t.Helper()
	_, body := w.get("/metrics")
	for line := range strings.Lines(body) {
		value, is := strings.CutPrefix(line, `pubsub_subscription_unacked_messages{project_id="shop",subscription_id="offers"} `)
		if is && strings.TrimSpace(value) != fmt.Sprint(n) {
			w.t.Fatalf("the backlog of %d is shown as %s", n, value)
		}
	}
}

// TestFaultsOfMonitoringOverTheWire runs each fault of the emulator against the whole exporter: fresh, what the fault makes
// of it, and fresh again; the backlog is 7 all the time and is never shown as anything else.
func TestFaultsOfMonitoringOverTheWire(t *testing.T) {
	tests := []struct {
		fault    string
		flags    []string
		reason   backlog.Reason
		why      string
		survives bool // the reading stays as it is
	}{
		{fault: "gap", reason: backlog.ReasonGap, why: "the subscription exists"},
		{fault: "empty", reason: backlog.ReasonGap, why: "the subscription exists"},
		{fault: "late,delay=1h", reason: backlog.ReasonGap, why: "no sample younger than"},
		{fault: "region,region=us-east1", reason: backlog.ReasonGap, why: "no sample younger than"}, // the global metric needs every region
		{fault: "region,region=us-east1", flags: []string{"--backlog-metric=regional"}, reason: backlog.ReasonRegion, why: "us-east1"},
		{fault: "quota", reason: backlog.ReasonFailing, why: "ResourceExhausted"},
		{fault: "unavailable", reason: backlog.ReasonFailing, why: "Unavailable"},
		{fault: "unauthenticated", reason: backlog.ReasonFailing, why: "credentials"},
		{fault: "slow,delay=1h", reason: backlog.ReasonFailing, why: "DeadlineExceeded"},
		{fault: "quota,share=0.3", survives: true},
		{fault: "slow,delay=50ms", survives: true},
		{fault: "gap,metric=oldest_unacked_message_age", survives: true},
		{fault: "gap,subscription=orders", survives: true},
	}
	for _, tt := range tests {
		t.Run(tt.fault+strings.Join(tt.flags, " "), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, append(tt.flags, "--subscription=projects/shop/subscriptions/offers", "--subscription=projects/shop/subscriptions/orders")...)
			w.publish(7)
			for w.becomes(backlog.Fresh, backlog.ReasonNone).Total.Value != 7 {
				time.Sleep(5 * time.Millisecond)
			}
			w.fault(tt.fault)
			if tt.survives {
				for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
					w.never(7)
				}
				w.becomes(backlog.Fresh, backlog.ReasonNone)
				return
			}
			w.becomes(backlog.Absent, tt.reason)
			if a := w.becomes(backlog.Absent, tt.reason); !strings.Contains(a.Why, tt.why) {
				t.Errorf("%q does not say %q", a.Why, tt.why)
			}
			w.never(7)
			w.fault()
			if a := w.becomes(backlog.Fresh, backlog.ReasonNone); a.Total.Value != 7 {
				t.Fatalf("got %+v", a)
			}
		})
	}
}

func TestDiscoveryOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "--discover=shop", "--exclude=*s-v?")
	w.becomes(backlog.Fresh, backlog.ReasonNone)
	w.eventually("/metrics", http.StatusOK, `pubsub_exporter_watched_subscriptions{project_id="shop"} 2`,
		`pubsub_exporter_api_calls_total{code="OK",method="ListSubscriptions",metric_type="",project_id="shop"}`)
	w.ask(http.MethodPut, "/v1/projects/shop/subscriptions/stock", `{"topic":"projects/shop/topics/events"}`)
	w.ask(http.MethodPut, "/v1/projects/shop/subscriptions/stocks-v1", `{"topic":"projects/shop/topics/events"}`)
	w.eventually("/metrics", http.StatusOK, `pubsub_subscription_unacked_messages{project_id="shop",subscription_id="stock"} 0`,
		`pubsub_exporter_watched_subscriptions{project_id="shop"} 3`)
	w.ask(http.MethodDelete, "/v1/projects/shop/subscriptions/offers", "")
	w.becomes(backlog.Absent, backlog.ReasonNotWatched)
	w.eventually("/", http.StatusOK, "--discover", "orders", "stock")
}

// TestAcknowledgementsAreCountedOverTheWire: the counter ends at exactly what was acknowledged since it began.
func TestAcknowledgementsAreCountedOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "--subscription=projects/shop/subscriptions/offers")
	w.becomes(backlog.Fresh, backlog.ReasonNone)
	w.fault("late,delay=400ms,share=0.5", "quota,share=0.2") // half of the points come later than the others
	const n = 40
	for range n {
		w.publish(1)
		w.acknowledge()
	}
	w.eventually("/metrics", http.StatusOK, `pubsub_subscription_ack_message_total{delivery_type="pull",project_id="shop",subscription_id="offers"} 40`)
	time.Sleep(time.Second) // every point has been read several times by now
	w.eventually("/metrics", http.StatusOK, `pubsub_subscription_ack_message_total{delivery_type="pull",project_id="shop",subscription_id="offers"} 40`)
}

func (w *world) acknowledge() {
	w.t.Helper()
	const sub = "/v1/projects/shop/subscriptions/offers"
	var pulled struct {
		ReceivedMessages []struct{ AckID string }
	}
	if err := json.Unmarshal(w.ask(http.MethodPost, sub+":pull", `{"maxMessages":1}`), &pulled); err != nil || len(pulled.ReceivedMessages) != 1 {
		w.t.Fatalf("pulled %+v: %v", pulled, err)
	}
	w.ask(http.MethodPost, sub+":acknowledge", fmt.Sprintf(`{"ackIds":[%q]}`, pulled.ReceivedMessages[0].AckID))
}

// ask sends the emulator a request in JSON, which must succeed, and returns the answer.
func (w *world) ask(method, path, body string) []byte {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.emulator.Addr()+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s %s answers %s %s, %v", method, path, resp.Status, answer, err)
	}
	return answer
}
