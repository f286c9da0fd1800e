package monitoring

import (
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const minute = time.Minute

// countingWorld has the samples 1, 2, 3, 4, 5 at the minutes 1 to 5, all visible.
func countingWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	for n := range int64(5) {
		w.orders().Undelivered = n + 1
		w.pass(minute)
	}
	return w
}

func TestAnIntervalExcludesItsStartAndIncludesItsEnd(t *testing.T) {
	tests := map[string]struct {
		start, end *timestamppb.Timestamp
		want       []int64
	}{
		"two points":                {at(2 * minute), at(4 * minute), []int64{4, 3}},
		"between the samples":       {at(90 * time.Second), at(150 * time.Second), []int64{2}},
		"no start is one instant":   {nil, at(3 * minute), []int64{3}},
		"start at end likewise":     {at(3 * minute), at(3 * minute), []int64{3}},
		"an instant between":        {nil, at(3*minute + 1), nil},
		"before everything":         {at(-time.Hour), at(0), nil},
		"the future":                {at(5 * minute), at(time.Hour), nil},
		"all, and far beyond":       {at(-20_000 * time.Hour), at(2_000_000 * time.Hour), []int64{5, 4, 3, 2, 1}},
		"a start before the epoch":  {&timestamppb.Timestamp{Seconds: -1 << 33}, at(minute), []int64{1}},
		"an end in the year 9000":   {at(4 * minute), &timestamppb.Timestamp{Seconds: 221_845_392_000}, []int64{5}},
		"from the epoch of seconds": {&timestamppb.Timestamp{}, at(2 * minute), []int64{2, 1}},
	}
	w := countingWorld(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			req := w.request(undeliveredMetric)
			req.Interval = &monitoringpb.TimeInterval{StartTime: test.start, EndTime: test.end}
			resp := w.list(req)
			if diff := cmp.Diff(test.want, onlyInts(t, resp)); diff != "" {
				t.Errorf("points (-want +got):\n%s", diff)
			}
			if test.want == nil && len(resp.GetTimeSeries()) != 0 {
				t.Errorf("a series without points came back: %v", resp)
			}
		})
	}
}

// at is a time after epoch.
func at(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(epoch.Add(d)) }

func TestBadRequestsNameTheField(t *testing.T) {
	type request = monitoringpb.ListTimeSeriesRequest
	secondary := &monitoringpb.Aggregation{AlignmentPeriod: durationpb.New(minute)}
	tests := map[string]struct {
		change func(*request)
		want   string
	}{
		"no project":         {func(r *request) { r.Name = "" }, `name ""`},
		"organization":       {func(r *request) { r.Name = "organizations/1" }, "name"},
		"too long a name":    {func(r *request) { r.Name = "projects/p/timeSeries" }, "name"},
		"no interval":        {func(r *request) { r.Interval = nil }, "interval.end_time"},
		"no end":             {func(r *request) { r.Interval.EndTime = nil }, "interval.end_time"},
		"start after end":    {func(r *request) { r.Interval.StartTime = at(time.Hour) }, "interval.start_time"},
		"impossible end":     {func(r *request) { r.Interval.EndTime.Nanos = -1 }, "interval.end_time"},
		"impossible start":   {func(r *request) { r.Interval.StartTime.Seconds = 1 << 60 }, "interval.start_time"},
		"negative page":      {func(r *request) { r.PageSize = -1 }, "page_size"},
		"foreign page token": {func(r *request) { r.PageToken = "x" }, "page_token"},
		"unknown view":       {func(r *request) { r.View = 7 }, "view"},
		"order":              {func(r *request) { r.OrderBy = "x" }, "order_by"},
		"second aggregation": {func(r *request) { r.SecondaryAggregation = secondary }, "secondary_aggregation"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := countingWorld(t)
			req := w.request(undeliveredMetric)
			test.change(req)
			_, err := (&service{server: w.server}).ListTimeSeries(t.Context(), req)
			if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want InvalidArgument about %s", err, test.want)
			}
		})
	}
}
