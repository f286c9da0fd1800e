package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/backlog"
	"spillway/internal/cloudmon"
	"spillway/internal/testenv/cloudmontest"
)

// served is an app on a free port whose log the test reads.
type served struct {
	t    *testing.T
	app  *App
	logs *observer.ObservedLogs
}

// runApp runs an app that polls server every 100 ms; it must end without an error when the test ends.
func runApp(t *testing.T, server *cloudmontest.Server, subscriptions ...string) *served {
	t.Helper()
	opts := localOptions(t, server.Addr(), subscriptions...)
	core, logs := observer.New(zapcore.InfoLevel)
	app, err := New(opts, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the app ended with %v", err)
		}
	})
	return &served{t: t, app: app, logs: logs}
}

func localOptions(t *testing.T, endpoint string, subscriptions ...string) Options {
	t.Helper()
	opts := parse(t, "--project=shop", "--listen=127.0.0.1:0", "--monitoring-endpoint="+endpoint)
	if endpoint != "" {
		opts.PollInterval = minLocalPollInterval
	}
	opts.Subscriptions = subscriptions
	if err := opts.Validate(); err != nil {
		t.Fatal(err)
	}
	return opts
}

// get returns the answer to one request on a connection of its own.
func (r *served) get(path string) (code int, body string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+r.app.Addr()+path, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// eventually asks path until the answer is as wanted.
func (r *served) eventually(path string, code int, lines ...string) {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		status, body := r.get(path)
		missing := slices.IndexFunc(lines, func(line string) bool { return !strings.Contains(body, line) })
		if status == code && missing < 0 {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s answers %d, want %d with %v:\n%s", path, status, code, lines, body)
		}
	}
}

func metricSeries(metric backlog.Metric, sub backlog.Subscription, value float64, at time.Time) *monitoringpb.TimeSeries {
	return cloudmontest.Series(metric, sub, nil, cloudmontest.Level(value, at))
}

func TestTheAppServesWhatMonitoringSays(t *testing.T) {
	at := time.Now().Add(-2 * time.Minute)
	server := cloudmontest.Start(t, cloudmontest.ByMetric(
		metricSeries(backlog.NumUndeliveredMessages, offers, 41000, at),
		metricSeries(backlog.OldestUnackedMessageAge, offers, 95, at),
		cloudmontest.Series(backlog.NumUnackedMessagesByRegion, offers, map[string]string{"region": "europe-west1"}, cloudmontest.Level(40000, at)),
		cloudmontest.Series(backlog.NumUnackedMessagesByRegion, offers, map[string]string{"region": "us-east1"}, cloudmontest.Level(999, at)),
		metricSeries(backlog.NumUndeliveredMessages, stock, 3, at),
	))
	r := runApp(t, server, "offers", "orders", "projects/depot/subscriptions/stock")
	r.eventually("/readyz", http.StatusOK, "first-poll: ok", "cloud-monitoring: ok")
	for _, path := range []string{"/livez", "/healthz"} {
		r.eventually(path, http.StatusOK, "loop: ok")
	}
	r.eventually("/metrics", http.StatusOK,
		`stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages{project_id="shop",subscription_id="offers",unit="1"} 41000`,
		`pubsub_subscription_num_undelivered_messages{project_id="depot",subscription_id="stock"} 3`,
		`stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_oldest_unacked_message_age{project_id="shop",subscription_id="offers",unit="s"} 95`,
		`pubsub_subscription_num_undelivered_messages_sample_state{project_id="shop",state="absent",subscription_id="orders"} 1`,
		`pubsub_subscription_num_unacked_messages_by_region{project_id="shop",region="us-east1",subscription_id="offers"} 999`,
		`pubsub_subscription_num_unacked_messages_all_regions{project_id="shop",subscription_id="offers"} 40999`,
		`pubsub_subscription_unacked_messages{project_id="shop",subscription_id="offers"} 41000`,
		`pubsub_exporter_api_series_returned_total{metric_type="pubsub.googleapis.com/subscription/num_undelivered_messages",project_id="depot"}`,
		"go_goroutines", "process_start_time_seconds")
	if _, body := r.get("/metrics"); strings.Contains(body, `messages{project_id="shop",subscription_id="orders"`) {
		t.Errorf("a subscription without samples has a value:\n%s", body)
	}
	r.eventually("/", http.StatusOK, "offers", "41000", "europe-west1=40000 us-east1=999", "--subscription", "error")
	r.eventually("/nowhere", http.StatusNotFound)

	serving := r.logs.FilterMessage("serving").All()
	if len(serving) != 1 || serving[0].ContextMap()["address"] != r.app.Addr() {
		t.Errorf("logged %v", serving)
	}
	absent := r.logs.FilterMessage("no recent sample").All()
	if len(absent) != 1 { // the backlog of orders
		t.Errorf("logged %v", absent)
	}
}

func TestTwoHundredSubscriptionsAreOneCallPerMetricAndPoll(t *testing.T) {
	var names []string
	var all []*monitoringpb.TimeSeries
	for i := range 200 {
		sub := backlog.Subscription{Project: "shop", ID: fmt.Sprintf("sub-%03d", i)}
		names = append(names, sub.ID)
		for _, m := range []backlog.Metric{
			backlog.NumUndeliveredMessages, backlog.OldestUnackedMessageAge, backlog.NumUnackedMessagesByRegion, backlog.AckMessageCount,
		} {
			all = append(all, metricSeries(m, sub, float64(i), time.Now()))
		}
	}
	server := cloudmontest.Start(t, cloudmontest.ByMetric(all...))
	opts := localOptions(t, server.Addr(), names...)
	opts.PollInterval = 3 * time.Minute // the first poll is the only one that this test sees
	app, err := New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	r := &served{t: t, app: app}
	r.eventually("/readyz", http.StatusOK)
	r.eventually("/metrics", http.StatusOK, `pubsub_subscription_num_undelivered_messages{project_id="shop",subscription_id="sub-199"} 199`)
	for range 20 {
		r.get("/metrics") // a scrape calls nothing
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := len(server.Requests()); n != 4 {
		t.Fatalf("%d calls for one poll of four metrics of 200 subscriptions", n)
	}
}

func TestFailuresOfMonitoringAreSurvived(t *testing.T) {
	tests := []struct {
		code  codes.Code
		level zapcore.Level
		cure  string
	}{
		{codes.ResourceExhausted, zap.WarnLevel, "quota"},
		{codes.Unavailable, zap.WarnLevel, "tried again"},
		{codes.PermissionDenied, zap.ErrorLevel, "roles/monitoring.viewer"},
	}
	for _, tt := range tests {
		t.Run(tt.code.String(), func(t *testing.T) {
			server := cloudmontest.Start(t, cloudmontest.Fail(status.Error(tt.code, "no")))
			r := runApp(t, server, "offers")
			r.eventually("/metrics", http.StatusOK, `code="`+tt.code.String()+`"`, `pubsub_exporter_polls_total{project_id="shop",result="failed"} 1`,
				`pubsub_subscription_num_undelivered_messages_sample_state{project_id="shop",state="absent",subscription_id="offers"} 1`)
			r.eventually("/readyz", http.StatusServiceUnavailable, "first-poll: ")
			r.eventually("/livez", http.StatusOK)
			logged := r.logs.FilterMessage("poll failed").All()
			if len(logged) == 0 || logged[0].Level != tt.level || !strings.Contains(fmt.Sprint(logged[0].ContextMap()["error"]), tt.cure) {
				t.Fatalf("logged %v", logged)
			}
			server.Answer(cloudmontest.ByMetric(metricSeries(backlog.NumUndeliveredMessages, offers, 6, time.Now())))
			r.eventually("/metrics", http.StatusOK, `pubsub_subscription_num_undelivered_messages{project_id="shop",subscription_id="offers"} 6`)
			r.eventually("/readyz", http.StatusOK)
		})
	}
}

func TestStoppingDoesNotWaitForASlowAnswer(t *testing.T) {
	server := cloudmontest.Start(t, cloudmontest.Hang)
	app, err := New(localOptions(t, server.Addr(), "offers"), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	for len(server.Requests()) == 0 {
		(&served{t: t, app: app}).get("/livez")
	}
	begin := time.Now()
	cancel()
	if err := <-ended; err != nil || time.Since(begin) > 2*time.Second {
		t.Fatalf("ended after %s with %v", time.Since(begin), err)
	}
}

func TestNothingIsHalfStarted(t *testing.T) {
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()

	t.Run("the port is in use", func(t *testing.T) {
		opts := localOptions(t, "127.0.0.1:1", "offers")
		opts.Listen = busy.Addr().String()
		if _, err := New(opts, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "--listen") || !strings.Contains(err.Error(), "in use") {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("a bad subscription", func(t *testing.T) {
		opts := localOptions(t, "127.0.0.1:1", "offers")
		opts.Subscriptions = []string{"of"}
		if _, err := New(opts, zap.NewNop()); err == nil || !strings.Contains(err.Error(), backlog.ErrBadSubscription.Error()) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("no local server", func(t *testing.T) { // busy takes connections and says nothing
		app, err := New(localOptions(t, busy.Addr().String(), "offers"), zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		err = app.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "spillway emulator") || time.Since(begin) > 6*time.Second {
			t.Fatalf("after %s: %v", time.Since(begin), err)
		}
		expectClosed(t, app.Addr())
	})
	t.Run("told to stop meanwhile", func(t *testing.T) {
		app, err := New(localOptions(t, busy.Addr().String(), "offers"), zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := app.Run(ctx); err != nil {
			t.Fatal(err)
		}
		expectClosed(t, app.Addr())
	})
}

func expectClosed(t *testing.T, addr string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err == nil {
		_ = conn.Close()
		t.Fatalf("%s still listens", addr)
	}
}

func TestMissingCredentialsEndTheStart(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GCE_METADATA_HOST", ln.Addr().String())
	opts := localOptions(t, "", "offers")
	app, err := New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	err = app.Run(t.Context())
	if !errors.Is(err, cloudmon.ErrNoCredentials) || !strings.Contains(err.Error(), "gcloud auth application-default login") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v", err)
	}
}
