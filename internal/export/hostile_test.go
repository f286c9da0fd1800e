package export

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	metricpb "google.golang.org/genproto/googleapis/api/metric"
	monitoredrespb "google.golang.org/genproto/googleapis/api/monitoredres"
	"google.golang.org/protobuf/types/known/timestamppb"

	"spillway/internal/backlog"
	"spillway/internal/testenv/cloudmontest"
)

// TestNoAnswerTakesTheExporterDown feeds it answers that no server should give. It stays alive, shows nothing of them, and
// is well again as soon as the answers are.
func TestNoAnswerTakesTheExporterDown(t *testing.T) {
	double := func(v float64) *monitoringpb.TypedValue {
		return &monitoringpb.TypedValue{Value: &monitoringpb.TypedValue_DoubleValue{DoubleValue: v}}
	}
	type request = monitoringpb.ListTimeSeriesRequest
	type response = monitoringpb.ListTimeSeriesResponse
	always := func(r *response) cloudmontest.AnswerFunc {
		return func(context.Context, *request) (*response, error) { return r, nil }
	}
	offer := func(points ...*monitoringpb.Point) *monitoringpb.TimeSeries {
		one := cloudmontest.Series(backlog.NumUndeliveredMessages, offers, nil)
		one.Points = points
		return one
	}
	now := timestamppb.Now()
	tests := []struct {
		name   string
		answer cloudmontest.AnswerFunc
	}{
		{"nothing at all", always(&response{})},
		{"empty series", always(&response{TimeSeries: []*monitoringpb.TimeSeries{{}, {Metric: &metricpb.Metric{}}, {Resource: &monitoredrespb.MonitoredResource{}}}})},
		{"points of nothing", always(&response{TimeSeries: []*monitoringpb.TimeSeries{offer(&monitoringpb.Point{}, &monitoringpb.Point{Value: double(1)})}})},
		{"numbers that are none", always(&response{TimeSeries: []*monitoringpb.TimeSeries{
			offer(&monitoringpb.Point{Interval: &monitoringpb.TimeInterval{EndTime: now}, Value: double(math.NaN())}),
			offer(&monitoringpb.Point{Interval: &monitoringpb.TimeInterval{EndTime: now}, Value: double(math.Inf(1))}),
			offer(&monitoringpb.Point{Interval: &monitoringpb.TimeInterval{EndTime: now}, Value: double(-7)}),
		}})},
		{"times that are none", always(&response{TimeSeries: []*monitoringpb.TimeSeries{
			offer(&monitoringpb.Point{Interval: &monitoringpb.TimeInterval{EndTime: &timestamppb.Timestamp{Seconds: math.MaxInt64}}, Value: double(7)}),
			offer(&monitoringpb.Point{Interval: &monitoringpb.TimeInterval{EndTime: &timestamppb.Timestamp{Seconds: math.MinInt64, Nanos: -1}}, Value: double(7)}),
			offer(cloudmontest.Point(cloudmontest.Level(7, time.Now().Add(24*time.Hour)))),
		}})},
		{"pages without end", always(&response{NextPageToken: "more"})},
		{"a page larger than any", func(context.Context, *request) (*response, error) {
			return &response{TimeSeries: []*monitoringpb.TimeSeries{
				{Metric: &metricpb.Metric{Type: strings.Repeat("x", 20<<20)}},
			}}, nil
		}},
		{"more regions than there are", func(context.Context, *request) (*response, error) {
			r := &response{}
			for i := range 5000 {
				r.TimeSeries = append(r.TimeSeries, cloudmontest.Series(backlog.NumUnackedMessagesByRegion, offers,
					map[string]string{"region": fmt.Sprint(i)}, cloudmontest.Level(1, time.Now())))
			}
			return r, nil
		}},
		{"labels that would forge a series", func(context.Context, *request) (*response, error) {
			return &response{TimeSeries: []*monitoringpb.TimeSeries{cloudmontest.Series(backlog.NumUnackedMessagesByRegion, offers,
				map[string]string{"region": "x\"} 7\npubsub_subscription_unacked_messages{project_id=\"shop\",subscription_id=\"offers"},
				cloudmontest.Level(1, time.Now()))}}, nil
		}},
		{"silence", cloudmontest.Hang},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := cloudmontest.Start(t, tt.answer)
			r := runApp(t, server, "offers")
			for len(server.Requests()) < 4 {
				r.get("/livez")
			}
			for range 5 {
				_, body := r.get("/metrics")
				for line := range strings.Lines(body) {
					if strings.HasPrefix(line, "pubsub_subscription_unacked_messages{") {
						t.Fatalf("made of it: %s", line)
					}
					if strings.Count(body, `_by_region{project_id="shop",region=`) > 2*maxTracks {
						t.Fatal("a subscription has more series than there are regions")
					}
				}
				r.get("/")
			}
			server.Answer(cloudmontest.ByMetric(metricSeries(backlog.NumUndeliveredMessages, offers, 6, time.Now())))
			r.eventually("/metrics", http.StatusOK, `pubsub_subscription_unacked_messages{project_id="shop",subscription_id="offers"} 6`)
			r.eventually("/livez", http.StatusOK)
		})
	}
}
