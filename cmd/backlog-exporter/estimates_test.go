package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"spillway/internal/consume"
	"spillway/internal/emulator"
	"spillway/internal/load"
	"spillway/internal/pull"
)

// bound is how long any condition may take on a busy machine.
const bound = time.Minute

// inBackground runs an app until the test ends; it must end well.
func inBackground(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// startEmulator runs an emulator and makes it the process's Pub/Sub.
func startEmulator(t *testing.T) string {
	t.Helper()
	opts := emulator.DefaultOptions()
	opts.Listen, opts.Project, opts.Create, opts.TuneMemory = "127.0.0.1:0", "shop", []string{"events:offers"}, false
	app, err := emulator.New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	inBackground(t, app.Run)
	t.Setenv(pull.EmulatorVariable, app.Addr())
	return app.Addr()
}

// startWorker runs a worker of ten slots of 100 ms each, so 100 messages a second, and returns its address.
func startWorker(t *testing.T, change func(*consume.Options)) string {
	t.Helper()
	o := consume.DefaultOptions()
	o.Listen, o.Subscription, o.Concurrency, o.DrainLimit = "127.0.0.1:0", "projects/shop/subscriptions/offers", 10, time.Second
	change(&o)
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	app, err := consume.New(t.Context(), o, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	inBackground(t, app.Run)
	return app.Addr()
}

// startExporter runs the real program at the speed of life and returns its address.
func startExporter(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), build(t), append(args, "--listen=127.0.0.1:0", "--log-format=json", "--scrape-interval=1s")...)
	cmd.Env = environment(t)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			var entry struct{ Message, Address string }
			if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Message == "serving" {
				address <- entry.Address
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("the exporter ended with %v", err)
		}
	})
	select {
	case at := <-address:
		return at
	case <-time.After(bound):
		t.Fatal("the exporter does not serve")
		return ""
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// estimate reads one estimate of offers; ok is false where it is not served.
func estimate(t *testing.T, exporter, name string) (v float64, ok bool) {
	t.Helper()
	series := "pubsub_subscription_" + name + `{project_id="shop",subscription_id="offers"} `
	for line := range strings.Lines(fetch(t, "http://"+exporter+"/metrics")) {
		if text, found := strings.CutPrefix(line, series); found {
			v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			return v, err == nil
		}
	}
	return 0, false
}

// until waits until holds does, and returns how long that took.
func until(t *testing.T, exporter, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > bound {
			t.Fatalf("not in %s: %s\n%s", bound, what, fetch(t, "http://"+exporter+"/explain?subscription=offers"))
		}
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(began)
}

// needed is what /explain says that the flow needs, before anything holds it.
var needed = regexp.MustCompile(`(?m)^- Needed: .* = ([0-9.]+) pods\.$`)

// TestEstimatesFollowABurst goes the whole way: an emulator, two real workers of 100 messages a second each, and the real
// exporter, which knows both by a flag and nothing else. Monitoring's first sample becomes visible minutes later.
func TestEstimatesFollowABurst(t *testing.T) {
	server := startEmulator(t)
	working := func(o *consume.Options) { o.Handler, o.Work.Duration = "work", 100*time.Millisecond }
	workers := []string{startWorker(t, working), startWorker(t, working)}
	var args []string
	for _, at := range workers {
		args = append(args, "--worker=projects/shop/subscriptions/offers="+at)
	}
	publish(t, 100) // of 200 that the two can do
	exporter := startExporter(t, append(args, "--monitoring-endpoint="+server)...)
	explained := func() string { return fetch(t, "http://"+exporter+"/explain?subscription=offers") }
	// What is served may be more: where the workers were late at first, nothing goes down for five minutes after the start.
	took := until(t, exporter, "a steady 100 a second needs 1.05 pods of 100 a second, and fewer than 2", func() bool {
		text := explained()
		m := needed.FindStringSubmatch(text)
		if m == nil || !strings.Contains(text, " s: caught up.") {
			return false // Behind a backlog the burst would be met when that is worked off.
		}
		v, err := strconv.ParseFloat(m[1], 64)
		served, known := estimate(t, exporter, "desired_replicas")
		return err == nil && v > 0.9 && v < 2 && known && served > 0.9
	})
	t.Logf("steady load: right after %s", took)

	// 500 more: three times what the two can do.
	publish(t, 500)
	took = until(t, exporter, "a burst to 600 a second wants at least 6 pods", func() bool {
		v, _ := estimate(t, exporter, "desired_replicas")
		return v >= 5.5
	})
	t.Logf("burst: right after %s", took)
	if took > 45*time.Second {
		t.Errorf("the burst was seen after %s", took)
	}
	until(t, exporter, "the backlog grows", func() bool {
		v, _ := estimate(t, exporter, "backlog_messages")
		return v > 1000
	})
	if v, ok := estimate(t, exporter, "pod_capacity"); !ok || v < 60 || v > 110 {
		t.Errorf("a pod settles %v a second, %t", v, ok)
	}
	if v, ok := estimate(t, exporter, "drain_seconds"); ok {
		t.Errorf("two pods drain 600 a second in %v s", v)
	}
	text := explained()
	for _, word := range []string{"2 of 2 ready pods were scraped", "Arrival rate: ", "One pod settles ", "waiting / 60 s + 1.05 * ", "do not keep up"} {
		if !strings.Contains(text, word) {
			t.Errorf("no %q in\n%s", word, text)
		}
	}
}

// TestAFailingTargetHolds: a worker's target begins to fail, and no pods are added that could not help.
func TestAFailingTargetHolds(t *testing.T) {
	server := startEmulator(t)
	var failing atomic.Bool
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(target.Close)
	worker := startWorker(t, func(o *consume.Options) { o.Target = target.URL })
	publish(t, 50)
	exporter := startExporter(t, "--worker=projects/shop/subscriptions/offers="+worker, "--monitoring-endpoint="+server)
	until(t, exporter, "what it can do is measured", func() bool {
		capacity, _ := estimate(t, exporter, "pod_capacity")
		_, wanted := estimate(t, exporter, "desired_replicas")
		return wanted && capacity > 0
	})
	failing.Store(true)
	until(t, exporter, "the last value is held", func() bool {
		return strings.Contains(fetch(t, "http://"+exporter+"/metrics"), `pubsub_subscription_desired_replicas_sample_state{project_id="shop",state="held",subscription_id="offers"} 1`)
	})
	held, _ := estimate(t, exporter, "desired_replicas")
	if text := fetch(t, "http://"+exporter+"/explain?subscription=offers"); !strings.Contains(text, "The target is failing, and more pods would not help") {
		t.Error(text)
	}
	time.Sleep(5 * time.Second) // 250 messages more wait meanwhile
	if v, ok := estimate(t, exporter, "desired_replicas"); !ok || v != held {
		t.Errorf("%v replicas were wanted, and now %v", held, v)
	}
}

// publish publishes so many messages a second until the test ends.
func publish(t *testing.T, rate float64) {
	t.Helper()
	o := load.DefaultOptions()
	o.Topic, o.Rate = "projects/shop/topics/events", rate
	app, err := load.New(t.Context(), o, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	inBackground(t, app.Run)
}
