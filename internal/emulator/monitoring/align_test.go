package monitoring

import (
	"testing"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"github.com/google/go-cmp/cmp"
	metricpb "google.golang.org/genproto/googleapis/api/metric"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	alignNone      = monitoringpb.Aggregation_ALIGN_NONE
	alignNextOlder = monitoringpb.Aggregation_ALIGN_NEXT_OLDER
	alignMean      = monitoringpb.Aggregation_ALIGN_MEAN
	alignMax       = monitoringpb.Aggregation_ALIGN_MAX
	alignDelta     = monitoringpb.Aggregation_ALIGN_DELTA
	alignRate      = monitoringpb.Aggregation_ALIGN_RATE

	ackMetric    = "subscription/ack_message_count"
	healthMetric = "subscription/delivery_latency_health_score"
	sizesMetric  = "topic/message_sizes"
)

// wave has, at the minutes 1 to 6, the backlogs 10, 40, 20, 0, 5, 6; acks of 0, 60, 120, 0, 30, 30 since the minute before; and
// messages of 100 bytes, one a minute.
func wave(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.state.Topics = []TopicState{{Project: "p", ID: "events"}}
	backlogs, acks := []int64{10, 40, 20, 0, 5, 6}, []int64{0, 60, 120, 0, 30, 30}
	w.orders().Acked = map[string]int64{"pull": 0}
	for i := range backlogs {
		w.orders().Undelivered = backlogs[i]
		w.orders().Acked["pull"] += acks[i]
		w.state.Topics[0].Messages++
		w.state.Topics[0].Bytes += 100
		w.pass(minute)
	}
	return w
}

// shown is a point of an answer: seconds after epoch, and the value.
type shown struct {
	Start, End float64
	Value      float64
}

// shownPoints lists the points of one series; a distribution shows its count.
func shownPoints(ts *monitoringpb.TimeSeries) []shown {
	var points []shown
	for _, p := range ts.GetPoints() {
		s := shown{
			Start: p.GetInterval().GetStartTime().AsTime().Sub(epoch).Seconds(),
			End:   p.GetInterval().GetEndTime().AsTime().Sub(epoch).Seconds(),
		}
		switch v := p.GetValue().GetValue().(type) {
		case *monitoringpb.TypedValue_Int64Value:
			s.Value = float64(v.Int64Value)
		case *monitoringpb.TypedValue_DoubleValue:
			s.Value = v.DoubleValue
		case *monitoringpb.TypedValue_BoolValue:
			s.Value = float64(boolReading(v.BoolValue))
		case *monitoringpb.TypedValue_DistributionValue:
			s.Value = float64(v.DistributionValue.GetCount())
		}
		points = append(points, s)
	}
	return points
}

func TestAligners(t *testing.T) {
	const two = 2 * minute
	tests := map[string]struct {
		metric   string
		align    monitoringpb.Aggregation_Aligner
		from, to time.Duration
		period   time.Duration
		kind     metricpb.MetricDescriptor_MetricKind
		value    metricpb.MetricDescriptor_ValueType
		unit     string
		want     []shown
	}{
		"none leaves gauges":        {undeliveredMetric, alignNone, two, 4 * minute, 0, gauge, int64Value, "1", []shown{{240, 240, 0}, {180, 180, 20}}},
		"none leaves deltas":        {ackMetric, alignNone, two, 4 * minute, 0, delta, int64Value, "1", []shown{{180, 240, 0}, {120, 180, 120}}},
		"next older":                {undeliveredMetric, alignNextOlder, two, 6 * minute, two, gauge, int64Value, "1", []shown{{360, 360, 6}, {240, 240, 0}}},
		"next older moves the time": {undeliveredMetric, alignNextOlder, 90 * time.Second, 210 * time.Second, minute, gauge, int64Value, "1", []shown{{210, 210, 20}, {150, 150, 40}}},
		"next older of a BOOL":      {healthMetric, alignNextOlder, 5 * minute, 6 * minute, minute, gauge, boolValue, "1", []shown{{360, 360, 1}}},
		"mean":                      {undeliveredMetric, alignMean, 0, 4 * minute, two, gauge, doubleValue, "1", []shown{{240, 240, 10}, {120, 120, 25}}},
		"mean of deltas":            {ackMetric, alignMean, 0, two, two, gauge, doubleValue, "1", []shown{{120, 120, 30}}},
		"max":                       {undeliveredMetric, alignMax, 0, 6 * minute, 3 * minute, gauge, int64Value, "1", []shown{{360, 360, 6}, {180, 180, 40}}},
		"delta":                     {ackMetric, alignDelta, 0, 6 * minute, 3 * minute, delta, int64Value, "1", []shown{{180, 360, 60}, {0, 180, 180}}},
		"delta of a distribution":   {sizesMetric, alignDelta, 0, 6 * minute, 3 * minute, delta, distributionValue, "By", []shown{{180, 360, 3}, {0, 180, 3}}},
		"rate":                      {ackMetric, alignRate, 0, 4 * minute, two, gauge, doubleValue, "1/s", []shown{{240, 240, 1}, {120, 120, .5}}},
		"the oldest window is whole": {
			undeliveredMetric, alignMean, 3 * minute, 6 * minute, two, gauge, doubleValue, "1", []shown{{360, 360, 5.5}, {240, 240, 10}},
		},
		"a window without points has no point": {
			undeliveredMetric, alignMax, 5 * minute, 8 * minute, minute, gauge, int64Value, "1", []shown{{360, 360, 6}},
		},
	}
	w := wave(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			req := w.request(test.metric)
			req.Filter += ` resource.labels.project_id = "p"`
			if test.metric == healthMetric {
				req.Filter += ` metric.labels.criteria = "nack_requests"`
			}
			req.Interval = &monitoringpb.TimeInterval{StartTime: at(test.from), EndTime: at(test.to)}
			req.Aggregation = &monitoringpb.Aggregation{PerSeriesAligner: test.align, AlignmentPeriod: durationpb.New(test.period)}
			resp := w.list(req)
			if len(resp.GetTimeSeries()) != 1 {
				t.Fatalf("%d series, want one", len(resp.GetTimeSeries()))
			}
			ts := resp.GetTimeSeries()[0]
			if ts.GetMetricKind() != test.kind || ts.GetValueType() != test.value || resp.GetUnit() != test.unit {
				t.Errorf("%s %s in %s, want %s %s in %s",
					ts.GetMetricKind(), ts.GetValueType(), resp.GetUnit(), test.kind, test.value, test.unit)
			}
			if diff := cmp.Diff(test.want, shownPoints(ts)); diff != "" {
				t.Errorf("points (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAlignersAndReducersRefuseWhatTheyCannotDo(t *testing.T) {
	const sum, none = monitoringpb.Aggregation_REDUCE_SUM, monitoringpb.Aggregation_REDUCE_NONE
	const longest = 104 * 7 * 24 * time.Hour
	tests := map[string]struct {
		metric string
		align  monitoringpb.Aggregation_Aligner
		reduce monitoringpb.Aggregation_Reducer
		period time.Duration
		group  string
		code   codes.Code
	}{
		"rate of a gauge":           {undeliveredMetric, alignRate, none, minute, "", codes.InvalidArgument},
		"delta of a gauge":          {undeliveredMetric, alignDelta, none, minute, "", codes.InvalidArgument},
		"next older of a delta":     {ackMetric, alignNextOlder, none, minute, "", codes.InvalidArgument},
		"mean of a BOOL":            {healthMetric, alignMean, none, minute, "", codes.InvalidArgument},
		"rate of a distribution":    {sizesMetric, alignRate, none, minute, "", codes.InvalidArgument},
		"aligner that is not there": {undeliveredMetric, monitoringpb.Aggregation_ALIGN_STDDEV, none, minute, "", codes.InvalidArgument},
		"reducer that is not there": {undeliveredMetric, alignMax, monitoringpb.Aggregation_REDUCE_COUNT, minute, "", codes.InvalidArgument},
		"no period":                 {undeliveredMetric, alignMax, none, 0, "", codes.InvalidArgument},
		"period too short":          {undeliveredMetric, alignMax, none, minute - 1, "", codes.InvalidArgument},
		"period too long":           {undeliveredMetric, alignMax, none, longest + 1, "", codes.InvalidArgument},
		"the longest period":        {undeliveredMetric, alignMax, none, longest, "", codes.OK},
		"reducer without aligner":   {undeliveredMetric, alignNone, sum, minute, "", codes.InvalidArgument},
		"sum of a BOOL":             {healthMetric, alignNextOlder, sum, minute, "", codes.InvalidArgument},
		"sum of a distribution":     {sizesMetric, alignDelta, sum, minute, "", codes.OK},
		"max of a distribution":     {sizesMetric, alignDelta, monitoringpb.Aggregation_REDUCE_MAX, minute, "", codes.InvalidArgument},
		"malformed grouping":        {undeliveredMetric, alignMax, sum, minute, "subscription_id", codes.InvalidArgument},
		"grouping it does not have": {undeliveredMetric, alignMax, sum, minute, "metric.labels.region", codes.OK},
	}
	w := wave(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			req := w.request(test.metric)
			req.Aggregation = &monitoringpb.Aggregation{
				PerSeriesAligner: test.align, CrossSeriesReducer: test.reduce, AlignmentPeriod: durationpb.New(test.period),
			}
			if test.group != "" {
				req.Aggregation.GroupByFields = []string{test.group}
			}
			_, err := (&service{server: w.server}).ListTimeSeries(t.Context(), req)
			if status.Code(err) != test.code {
				t.Errorf("error %v, want %s", err, test.code)
			}
		})
	}
}

func TestAFasterSamplingAllowsAShorterAlignment(t *testing.T) {
	w := newWorld(t, Options{SamplePeriod: time.Second, VisibilityDelay: NoDelay})
	w.orders().Undelivered = 3
	w.pass(5 * time.Second)
	req := w.request(undeliveredMetric)
	req.Interval.StartTime = at(0)
	req.Aggregation = &monitoringpb.Aggregation{PerSeriesAligner: alignMax, AlignmentPeriod: durationpb.New(time.Second)}
	if diff := cmp.Diff([]int64{3, 3, 3, 3, 3}, onlyInts(t, w.list(req))); diff != "" {
		t.Errorf("aligned to the sample period (-want +got):\n%s", diff)
	}
}
