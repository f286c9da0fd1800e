package monitoring

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// TestReadersSamplerAndFaultsRunTogether is for the race detector.
func TestReadersSamplerAndFaultsRunTogether(t *testing.T) {
	var samples atomic.Int64
	truth := truthFunc(func() State {
		samples.Add(1)
		return busy()
	})
	s := New(Options{SamplePeriod: time.Millisecond, VisibilityDelay: NoDelay}, truth, time.Now, zap.NewNop())
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for samples.Load() < 20 {
				readOnce(t, s)
			}
		})
	}
	readers.Wait()
	cancel()
	wg.Wait()
	if len(s.Shown(time.Now(), "p", "orders")) == 0 {
		t.Fatal("nothing was sampled")
	}
}

func readOnce(t *testing.T, s *Server) {
	t.Helper()
	if err := s.SetFaults(Fault{Kind: FaultGap, Share: 0.5}); err != nil {
		t.Error(err)
	}
	_, err := (&service{server: s}).ListTimeSeries(t.Context(), &monitoringpb.ListTimeSeriesRequest{
		Name:     "projects/p",
		Filter:   `metric.type = "pubsub.googleapis.com/` + undeliveredMetric + `"`,
		Interval: &monitoringpb.TimeInterval{StartTime: &timestamppb.Timestamp{}, EndTime: timestamppb.Now()},
	})
	if err != nil {
		t.Error(err)
	}
	s.Shown(time.Now(), "p", "orders")
	if err := s.SetFaults(); err != nil {
		t.Error(err)
	}
}
