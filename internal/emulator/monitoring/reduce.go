package monitoring

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	metricpb "google.golang.org/genproto/googleapis/api/metric"
)

// reducer makes one point of the points that several series have at one instant.
type reducer struct {
	values []metricpb.MetricDescriptor_ValueType // of the input
	result func(shape) shape
	reduce reduceFunc
}

type reduceFunc func(in []sample, value metricpb.MetricDescriptor_ValueType) sample

func reducers() map[monitoringpb.Aggregation_Reducer]*reducer {
	numbers := []metricpb.MetricDescriptor_ValueType{int64Value, doubleValue}
	same := func(sh shape) shape { return sh }
	asDouble := func(sh shape) shape {
		sh.value = doubleValue
		return sh
	}
	return map[monitoringpb.Aggregation_Reducer]*reducer{
		monitoringpb.Aggregation_REDUCE_SUM:  {append(numbers, distributionValue), same, sumSample},
		monitoringpb.Aggregation_REDUCE_MAX:  {numbers, same, maxSample},
		monitoringpb.Aggregation_REDUCE_MEAN: {numbers, asDouble, meanSample},
	}
}

func (a *aggregation) setReducer(which monitoringpb.Aggregation_Reducer, groupBy []string, m *metric) error {
	a.reduce = reducers()[which]
	if a.reduce == nil {
		return fmt.Errorf("cross_series_reducer %s is not supported", which)
	}
	in := a.align.result(shape{kind: m.kind, value: m.value})
	if !slices.Contains(a.reduce.values, in.value) {
		return fmt.Errorf("cross_series_reducer %s cannot be applied to type %s", which, in.value)
	}
	for i, name := range groupBy {
		field, err := canonicalField(token{text: name})
		if err != nil {
			return fmt.Errorf("group_by_fields[%d]: %q is not metric.labels.KEY, resource.labels.KEY, metric.type, resource.type or project", i, name)
		}
		a.groupBy = append(a.groupBy, field)
	}
	return nil
}

// reduceRows joins the rows whose series agree in the grouping fields. A joined row keeps those labels alone and has a point at
// every instant at which one of its series has.
func (a aggregation) reduceRows(sh shape, rows []row, members []*series) (shape, []row) {
	groups := map[string]*row{}
	for i, r := range rows {
		key, labels := a.group(members[i])
		if groups[key] == nil {
			groups[key] = &labels
		}
		groups[key].points = append(groups[key].points, r.points...)
	}
	joined := make([]row, 0, len(groups))
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		r := *groups[key]
		r.points = a.reduce.byInstant(r.points, sh.value)
		joined = append(joined, r)
	}
	return a.reduce.result(sh), joined
}

// group is the key of a series' group and the labels that its members share.
func (a aggregation) group(s *series) (key string, r row) {
	r = row{metricLabels: map[string]string{}, resourceLabels: map[string]string{}}
	values := make([]string, len(a.groupBy))
	for i, field := range a.groupBy {
		values[i] = s.field(field)
		if label, ok := strings.CutPrefix(field, "metric.labels."); ok && s.metric.labelIndex(label) >= 0 {
			r.metricLabels[label] = values[i]
		}
		if label, ok := strings.CutPrefix(field, "resource.labels."); ok && values[i] != "" {
			r.resourceLabels[label] = values[i]
		}
	}
	return strings.Join(values, "\x1f"), r
}

// byInstant reduces the points of equal end, newest first.
func (r *reducer) byInstant(points []sample, value metricpb.MetricDescriptor_ValueType) []sample {
	slices.SortStableFunc(points, func(a, b sample) int { return cmp.Compare(b.end, a.end) })
	var reduced []sample
	for len(points) > 0 {
		first := points[0]
		n := 1
		for n < len(points) && points[n].end == first.end {
			n++
		}
		p := r.reduce(points[:n], value)
		p.start, p.end = first.start, first.end
		reduced = append(reduced, p)
		points = points[n:]
	}
	return reduced
}

// number is the sample's value as a real number.
func (p sample) number(value metricpb.MetricDescriptor_ValueType) float64 {
	if value == doubleValue {
		return p.real
	}
	return float64(p.whole)
}

func compareSamples(a, b sample, value metricpb.MetricDescriptor_ValueType) int {
	if value == doubleValue {
		return cmp.Compare(a.real, b.real)
	}
	return cmp.Compare(a.whole, b.whole)
}
