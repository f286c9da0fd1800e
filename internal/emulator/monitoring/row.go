package monitoring

import (
	"math"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"google.golang.org/genproto/googleapis/api/distribution"
	metricpb "google.golang.org/genproto/googleapis/api/metric"
	"google.golang.org/genproto/googleapis/api/monitoredres"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// row is one time series of an answer, newest point first.
type row struct {
	metricLabels   map[string]string
	resourceLabels map[string]string
	points         []sample
}

// sample is one point of an answer. Which number counts is said by the value type: whole for INT64, BOOL (0 or 1) and the
// count of a DISTRIBUTION, real for DOUBLE; sum is that of a DISTRIBUTION.
type sample struct {
	start, end int64 // Unix nanoseconds
	whole      int64
	real       float64
	sum        int64
}

// shape is what all rows of an answer have in common.
type shape struct {
	metric *metric
	kind   metricpb.MetricDescriptor_MetricKind
	value  metricpb.MetricDescriptor_ValueType
	unit   string
}

// rowOf takes over the points, which are oldest first.
func rowOf(s *series, points []point) row {
	r := row{
		metricLabels:   make(map[string]string, len(s.labels)),
		resourceLabels: map[string]string{"project_id": s.project, s.metric.idLabel(): s.id},
		points:         make([]sample, len(points)),
	}
	for i, value := range s.labels {
		r.metricLabels[s.metric.labels[i].key] = value
	}
	for i, p := range points {
		r.points[len(points)-1-i] = sample{start: p.start, end: p.end, whole: p.value, sum: p.sum}
	}
	return r
}

// proto encodes the row with the given part of its points.
func (r row) proto(sh shape, points []sample) *monitoringpb.TimeSeries {
	ts := &monitoringpb.TimeSeries{
		Metric:     &metricpb.Metric{Type: sh.metric.fullType(), Labels: r.metricLabels},
		Resource:   &monitoredres.MonitoredResource{Type: sh.metric.resource(), Labels: r.resourceLabels},
		MetricKind: sh.kind,
		ValueType:  sh.value,
	}
	for _, p := range points {
		ts.Points = append(ts.Points, &monitoringpb.Point{
			Interval: &monitoringpb.TimeInterval{
				StartTime: timestamppb.New(unixNano(p.start)),
				EndTime:   timestamppb.New(unixNano(p.end)),
			},
			Value: p.typed(sh.value),
		})
	}
	return ts
}

func (p sample) typed(value metricpb.MetricDescriptor_ValueType) *monitoringpb.TypedValue {
	if value == doubleValue {
		return &monitoringpb.TypedValue{Value: &monitoringpb.TypedValue_DoubleValue{DoubleValue: p.real}}
	}
	if value == boolValue {
		return &monitoringpb.TypedValue{Value: &monitoringpb.TypedValue_BoolValue{BoolValue: p.whole != 0}}
	}
	if value == distributionValue {
		d := &distribution.Distribution{Count: p.whole, Mean: float64(p.sum) / math.Max(1, float64(p.whole))}
		return &monitoringpb.TypedValue{Value: &monitoringpb.TypedValue_DistributionValue{DistributionValue: d}}
	}
	return &monitoringpb.TypedValue{Value: &monitoringpb.TypedValue_Int64Value{Int64Value: p.whole}}
}
