package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"spillway/bench/exporter/stackdriver"
	"spillway/internal/emulator"
	"spillway/internal/export"
)

func TestEveryPeerMetricIsReachedByOnePrefix(t *testing.T) {
	for _, one := range metricTypes() {
		prefixes := 0
		for _, prefix := range peerTypes() {
			if strings.HasPrefix(one, prefix) {
				prefixes++
			}
		}
		if prefixes != 1 {
			t.Errorf("%s is listed %d times", one, prefixes)
		}
	}
}

func TestScrapesAreReadBack(t *testing.T) {
	body := "# HELP a b\na{x=\"1\"} 3\na{x=\"2\"} 4.5\nab 7\n"
	if n, total := count(body, "a{"), sum(body, "a{"); n != 2 || total != 7.5 {
		t.Fatalf("%d lines of %g", n, total)
	}
}

// running runs something until the test ends; it must end well.
func running(t *testing.T, run func(context.Context) error) {
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

// TestDropIn holds every gauge of the subscriptions that backlog-exporter serves under stackdriver_exporter's names against
// stackdriver_exporter itself, over the same emulator: the same series, labels, units and values.
func TestDropIn(t *testing.T) {
	server := emulate(t)
	opts := export.DefaultOptions()
	opts.Listen, opts.Discover, opts.MonitoringEndpoint, opts.PubsubEndpoint = "127.0.0.1:0", []string{project}, server, server
	opts.PollInterval, opts.FreshFor = 500*time.Millisecond, 5*time.Second
	opts.Metrics = []string{
		"num_undelivered_messages", "oldest_unacked_message_age", "oldest_unacked_message_age_by_region", "num_unacked_messages_by_region",
		"backlog_bytes", "unacked_bytes_by_region", "nack_requests", "delivery_latency_health_score",
	}
	if err := opts.Validate(); err != nil {
		t.Fatal(err)
	}
	app, err := export.New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	running(t, app.Run)
	var prefixes []string
	for _, name := range opts.Metrics {
		if name != "oldest_unacked_message_age_by_region" {
			prefixes = append(prefixes, service+name)
		}
	}
	peer, err := stackdriver.Handler(t.Context(), server, project, prefixes)
	if err != nil {
		t.Fatal(err)
	}
	var ours, theirs map[string]string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		theirs, ours = gauges(scrapeHandler(t, peer)), gauges(scrapeURL(t, "http://"+app.Addr()+"/metrics"))
		if len(theirs) >= 3*len(opts.Metrics) && cmp.Equal(theirs, ours) {
			names := map[string]bool{}
			for series := range theirs {
				name, _, _ := strings.Cut(series, "{")
				names[name] = true
			}
			if len(names) != len(opts.Metrics) {
				t.Fatalf("compared %v", slices.Sorted(maps.Keys(names)))
			}
			return
		}
	}
	t.Fatalf("%d series of theirs, %d of ours (-theirs +ours)\n%s", len(theirs), len(ours), cmp.Diff(theirs, ours))
}

// emulate runs an emulator whose backlog stands still: three subscriptions with messages, two regions.
func emulate(t *testing.T) (addr string) {
	t.Helper()
	eo := emulator.DefaultOptions()
	eo.Listen, eo.TuneMemory, eo.Regions, eo.VisibilityDelay = "127.0.0.1:0", false, []string{"europe-west1", "us-east1"}, -1
	eo.SamplePeriod = time.Second
	eo.Project, eo.Create = project, []string{"events:offers,orders,stock"}
	e, err := emulator.New(eo, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	running(t, e.Run)
	conn, err := grpc.NewClient(e.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for i := range 7 {
		_, err := pubsubpb.NewPublisherClient(conn).Publish(t.Context(), &pubsubpb.PublishRequest{
			Topic: "projects/" + project + "/topics/events", Messages: []*pubsubpb.PubsubMessage{{Data: fmt.Append(nil, i)}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return e.Addr()
}

func scrapeHandler(t *testing.T, h http.Handler) string {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	return rec.Body.String()
}

func scrapeURL(t *testing.T, url string) string {
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
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// gauges are the series of subscriptions under stackdriver_exporter's names, without the timestamps that it gives them.
func gauges(body string) map[string]string {
	found := map[string]string{}
	line := regexp.MustCompile(`(?m)^(stackdriver_pubsub_subscription_\S+) (\S+)( \d+)?$`)
	for _, match := range line.FindAllStringSubmatch(body, -1) {
		found[match[1]] = match[2]
	}
	return found
}
