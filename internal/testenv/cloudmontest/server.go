// Package cloudmontest is Cloud Monitoring as a test wants it: a real gRPC server whose answers the test decides.
package cloudmontest

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	metricpb "google.golang.org/genproto/googleapis/api/metric"
	monitoredrespb "google.golang.org/genproto/googleapis/api/monitoredres"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"spillway/internal/backlog"
)

// AnswerFunc answers one ListTimeSeries call. It runs on the server's goroutines.
type AnswerFunc func(context.Context, *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error)

// Server answers ListTimeSeries with what Answer was given last, and everything else with Unimplemented. It notes
// every request. It neither evaluates filters nor makes pages: an AnswerFunc that wants to does so itself.
type Server struct {
	monitoringpb.UnimplementedMetricServiceServer
	addr string

	mu       sync.Mutex
	answer   AnswerFunc
	requests []*monitoringpb.ListTimeSeriesRequest
}

// Start serves on a free loopback port until the test ends.
func Start(t testing.TB, answer AnswerFunc) *Server {
	t.Helper()
	s, stop := StartAt(t, "127.0.0.1:0", answer)
	t.Cleanup(stop)
	return s
}

// StartAt serves on addr until stop is called, which the caller must do.
func StartAt(t testing.TB, addr string, answer AnswerFunc) (s *Server, stop func()) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s = &Server{addr: ln.Addr().String(), answer: answer}
	server := grpc.NewServer()
	monitoringpb.RegisterMetricServiceServer(server, s)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	return s, sync.OnceFunc(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
}

// Addr returns host:port.
func (s *Server) Addr() string { return s.addr }

// Answer replaces the answers from now on.
func (s *Server) Answer(answer AnswerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// Requests returns every request so far.
func (s *Server) Requests() []*monitoringpb.ListTimeSeriesRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*monitoringpb.ListTimeSeriesRequest(nil), s.requests...)
}

// ListTimeSeries implements the service.
func (s *Server) ListTimeSeries(ctx context.Context, req *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error) {
	s.mu.Lock()
	s.requests = append(s.requests, req)
	answer := s.answer
	s.mu.Unlock()
	return answer(ctx, req)
}

// Always answers every call alike.
func Always(series ...*monitoringpb.TimeSeries) AnswerFunc {
	return func(context.Context, *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error) {
		return &monitoringpb.ListTimeSeriesResponse{TimeSeries: series}, nil
	}
}

// ByMetric answers with the series of the metric type and project that the request names.
func ByMetric(series ...*monitoringpb.TimeSeries) AnswerFunc {
	return func(_ context.Context, req *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error) {
		var answer monitoringpb.ListTimeSeriesResponse
		for _, one := range series {
			if strings.Contains(req.GetFilter(), `"`+one.GetMetric().GetType()+`"`) &&
				req.GetName() == "projects/"+one.GetResource().GetLabels()["project_id"] {
				answer.TimeSeries = append(answer.TimeSeries, one)
			}
		}
		return &answer, nil
	}
}

// Fail answers every call with err.
func Fail(err error) AnswerFunc {
	return func(context.Context, *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error) {
		return nil, err
	}
}

// Hang answers no call before its caller gives up.
func Hang(ctx context.Context, _ *monitoringpb.ListTimeSeriesRequest) (*monitoringpb.ListTimeSeriesResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Series returns a time series of integers with the labels that Pub/Sub's have: those of sub, which is a topic for a
// topic's metric, and the metric's own.
func Series(metric backlog.Metric, sub backlog.Subscription, labels map[string]string, points ...backlog.Point) *monitoringpb.TimeSeries {
	owner := "subscription"
	if metric.OfTopic() {
		owner = "topic"
	}
	series := &monitoringpb.TimeSeries{
		Metric: &metricpb.Metric{Type: string(metric), Labels: labels},
		Resource: &monitoredrespb.MonitoredResource{
			Type: "pubsub_" + owner, Labels: map[string]string{"project_id": sub.Project, owner + "_id": sub.ID},
		},
		MetricKind: metricpb.MetricDescriptor_GAUGE, ValueType: metricpb.MetricDescriptor_INT64,
	}
	for _, p := range points {
		if p.Start.Before(p.End) {
			series.MetricKind = metricpb.MetricDescriptor_DELTA
		}
		series.Points = append(series.Points, Point(p))
	}
	return series
}

// Level returns the point of a level that was true at an instant.
func Level(value float64, at time.Time) backlog.Point {
	return backlog.Point{Start: at, End: at, Value: value}
}

// Point returns a point of an integer.
func Point(p backlog.Point) *monitoringpb.Point {
	return &monitoringpb.Point{
		Interval: &monitoringpb.TimeInterval{StartTime: timestamppb.New(p.Start), EndTime: timestamppb.New(p.End)},
		Value:    &monitoringpb.TypedValue{Value: &monitoringpb.TypedValue_Int64Value{Int64Value: int64(p.Value)}},
	}
}
