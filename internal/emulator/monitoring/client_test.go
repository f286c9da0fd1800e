package monitoring

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	apiv3 "cloud.google.com/go/monitoring/apiv3/v2"
	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	metricpb "google.golang.org/genproto/googleapis/api/metric"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// dial serves the world on a real port and connects the official client to it.
func dial(t *testing.T, w *world) *apiv3.MetricClient {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	w.server.Register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	client, err := apiv3.NewMetricClient(t.Context(), option.WithEndpoint(listener.Addr().String()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// collect reads an iterator to its end.
func collect[T any](t *testing.T, next func() (T, error)) []T {
	t.Helper()
	var all []T
	for {
		one, err := next()
		if errors.Is(err, iterator.Done) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
}

func TestTheOfficialClientReadsManySubscriptionsInOneCall(t *testing.T) {
	const subscriptions, samples = 300, 4
	w := newWorld(t, Options{})
	w.state.Subscriptions = nil
	for i := range int64(subscriptions) {
		w.state.Subscriptions = append(w.state.Subscriptions, SubscriptionState{Project: "p", ID: fmt.Sprintf("sub-%03d", i), Undelivered: 1000 + i})
	}
	w.pass((samples + 2) * minute)
	client := dial(t, w)
	for _, size := range []int32{0, 7, 100} {
		req := w.request(undeliveredMetric)
		req.PageSize = size
		got := map[string]int{}
		it := client.ListTimeSeries(t.Context(), req)
		for i, ts := range collect(t, it.Next) {
			id := ts.GetResource().GetLabels()["subscription_id"]
			got[id] += len(ts.GetPoints())
			var number int64
			if _, err := fmt.Sscanf(id, "sub-%d", &number); err != nil {
				t.Fatal(err)
			}
			for _, p := range ts.GetPoints() {
				if p.GetValue().GetInt64Value() != 1000+number {
					t.Fatalf("page_size %d, series %d: %s has %v", size, i, id, p)
				}
			}
		}
		for id, points := range got {
			if points != samples {
				t.Errorf("page_size %d: %s has %d points, want %d", size, id, points, samples)
			}
		}
		if len(got) != subscriptions {
			t.Errorf("page_size %d: %d subscriptions, want %d", size, len(got), subscriptions)
		}
	}
}

func TestTheOfficialClientReadsHeaders(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.pass(minute)
	req := w.request(undeliveredMetric)
	req.View = monitoringpb.ListTimeSeriesRequest_HEADERS
	all := collect(t, dial(t, w).ListTimeSeries(t.Context(), req).Next)
	if len(all) != 1 || len(all[0].GetPoints()) != 0 || all[0].GetResource().GetLabels()["subscription_id"] != "orders" {
		t.Errorf("headers %v, want the one of orders", all)
	}
}

func TestTheOfficialClientSeesErrors(t *testing.T) {
	w := newWorld(t, Options{})
	client := dial(t, w)
	req := w.request(undeliveredMetric)
	req.Filter += " AND colour = 1"
	_, err := client.ListTimeSeries(t.Context(), req).Next()
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "position 81: unknown field") {
		t.Errorf("bad filter: %v, want InvalidArgument at position 81", err)
	}
	w.breakWith("quota")
	w.pass(1)
	if _, err = client.ListTimeSeries(t.Context(), w.request(undeliveredMetric)).Next(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("over quota: %v, want ResourceExhausted", err)
	}
	w.breakWith()
	if _, err = client.CreateMetricDescriptor(t.Context(), &monitoringpb.CreateMetricDescriptorRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("a method that is not there: %v, want Unimplemented", err)
	}
}

func TestTheOfficialClientReadsDescriptors(t *testing.T) {
	w := newWorld(t, Options{Metrics: map[string]Timing{"backlog_bytes": {SamplePeriod: 5 * minute}}})
	client := dial(t, w)
	tests := map[string]struct {
		filter string
		want   int
	}{
		"all":                  {``, len(w.server.metrics)},
		"all, as scrapers ask": {`project = "p" AND metric.type = starts_with("pubsub.googleapis.com/")`, len(w.server.metrics)},
		"of topics":            {`resource.type = "pubsub_topic"`, 2},
		"one":                  {`metric.type = "pubsub.googleapis.com/subscription/backlog_bytes"`, 1},
		"none":                 {`metric.type = starts_with("custom")`, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int32{0, 1, 4} {
				it := client.ListMetricDescriptors(t.Context(), &monitoringpb.ListMetricDescriptorsRequest{
					Name: "projects/p", Filter: test.filter, PageSize: size,
				})
				if got := collect(t, it.Next); len(got) != test.want {
					t.Errorf("page_size %d: %d descriptors, want %d", size, len(got), test.want)
				}
			}
		})
	}
	d, err := client.GetMetricDescriptor(t.Context(), &monitoringpb.GetMetricDescriptorRequest{
		Name: "projects/p/metricDescriptors/pubsub.googleapis.com/subscription/backlog_bytes",
	})
	if err != nil {
		t.Fatal(err)
	}
	if period, delay := d.GetMetadata().GetSamplePeriod().AsDuration(), d.GetMetadata().GetIngestDelay().AsDuration(); period != 5*minute || delay != 2*minute {
		t.Errorf("sampled every %s and seen after %s, want 5m and 2m", period, delay)
	}
}

// TestDescriptorsAreTheDocumentedOnes holds kinds, types, units, labels and delays against the service's metric list.
func TestDescriptorsAreTheDocumentedOnes(t *testing.T) {
	want := `ack_message_count DELTA INT64 1 181s delivery_type
backlog_bytes GAUGE INT64 By 120s
dead_letter_message_count DELTA INT64 1 240s response_code
delivery_latency_health_score GAUGE BOOL 1 360s criteria
expired_ack_deadlines_count DELTA INT64 1 240s
message_sizes DELTA DISTRIBUTION By 181s
nack_requests GAUGE INT64 1 360s
num_outstanding_messages GAUGE INT64 1 240s
num_unacked_messages_by_region GAUGE INT64 1 120s region
num_undelivered_messages GAUGE INT64 1 120s
oldest_unacked_message_age GAUGE INT64 s 120s
oldest_unacked_message_age_by_region GAUGE INT64 s 120s region
send_request_count DELTA INT64 1 181s response_class,response_code
sent_message_count DELTA INT64 1 181s delivery_type
unacked_bytes_by_region GAUGE INT64 By 120s region`
	w := newWorld(t, Options{})
	resp, err := (&service{server: w.server}).ListMetricDescriptors(t.Context(), &monitoringpb.ListMetricDescriptorsRequest{Name: "projects/p"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, d := range resp.GetMetricDescriptors() {
		name := d.GetType()[strings.LastIndex(d.GetType(), "/")+1:]
		got[name] = strings.TrimSpace(fmt.Sprintf("%s %s %s %s %.0fs %s", name, d.GetMetricKind(), d.GetValueType(), d.GetUnit(),
			d.GetMetadata().GetIngestDelay().AsDuration().Seconds(), strings.Join(labelKeys(d), ",")))
		if d.GetName() != "projects/p/metricDescriptors/"+d.GetType() || d.GetMetadata().GetSamplePeriod().GetSeconds() != 60 {
			t.Errorf("descriptor %v", d)
		}
	}
	for line := range strings.Lines(want) {
		name, _, _ := strings.Cut(line, " ")
		if diff := cmp.Diff(strings.TrimSpace(line), got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		delete(got, name)
	}
	if len(got) != 0 {
		t.Errorf("more than expected: %v", got)
	}
}

func labelKeys(d *metricpb.MetricDescriptor) []string {
	var keys []string
	for _, l := range d.GetLabels() {
		keys = append(keys, l.GetKey())
	}
	return keys
}

func TestBadDescriptorRequests(t *testing.T) {
	w := newWorld(t, Options{})
	v := &service{server: w.server}
	for name, want := range map[string]codes.Code{
		"": codes.InvalidArgument, "projects/p": codes.InvalidArgument, "folders/f/metricDescriptors/x": codes.InvalidArgument,
		"projects/p/metricDescriptors/": codes.NotFound, "projects/p/metricDescriptors/custom.googleapis.com/x": codes.NotFound,
	} {
		if _, err := v.GetMetricDescriptor(t.Context(), &monitoringpb.GetMetricDescriptorRequest{Name: name}); status.Code(err) != want {
			t.Errorf("get %q: %v, want %s", name, err, want)
		}
	}
	for field, req := range map[string]*monitoringpb.ListMetricDescriptorsRequest{
		"name":       {Name: "p"},
		"filter":     {Name: "projects/p", Filter: "="},
		"page_size":  {Name: "projects/p", PageSize: -1},
		"page_token": {Name: "projects/p", PageToken: "x"},
	} {
		_, err := v.ListMetricDescriptors(t.Context(), req)
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), field) {
			t.Errorf("bad %s: %v", field, err)
		}
	}
}
