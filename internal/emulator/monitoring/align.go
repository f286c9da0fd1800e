package monitoring

import (
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	metricpb "google.golang.org/genproto/googleapis/api/metric"
)

// maxAlignmentPeriod is the service's maximum for charts, 104 weeks.
const maxAlignmentPeriod = 104 * 7 * 24 * time.Hour

// aggregation is a checked Aggregation; the zero value leaves the raw points.
type aggregation struct {
	period  time.Duration
	align   *aligner
	reduce  *reducer
	groupBy []string // canonical fields
}

// aligner makes one point of the points of a window.
type aligner struct {
	kinds  []metricpb.MetricDescriptor_MetricKind // of the input
	values []metricpb.MetricDescriptor_ValueType
	// result changes the shape.
	result func(shape) shape
	// window reduces the samples of a window, newest first and at least one; start and end are set by the caller.
	window reduceFunc
	// perSecond divides the result by the window's length.
	perSecond bool
}

func aligners() map[monitoringpb.Aggregation_Aligner]*aligner {
	numbers := []metricpb.MetricDescriptor_ValueType{int64Value}
	gauges := []metricpb.MetricDescriptor_MetricKind{gauge}
	deltas := []metricpb.MetricDescriptor_MetricKind{delta}
	either := []metricpb.MetricDescriptor_MetricKind{gauge, delta}
	return map[monitoringpb.Aggregation_Aligner]*aligner{
		monitoringpb.Aggregation_ALIGN_NEXT_OLDER: {gauges, append(numbers, boolValue), sameShape, newestSample, false},
		monitoringpb.Aggregation_ALIGN_MEAN:       {either, numbers, toDouble, meanSample, false},
		monitoringpb.Aggregation_ALIGN_MAX:        {either, numbers, toGauge, maxSample, false},
		monitoringpb.Aggregation_ALIGN_DELTA:      {deltas, append(numbers, distributionValue), sameShape, sumSample, false},
		monitoringpb.Aggregation_ALIGN_RATE:       {deltas, numbers, toRate, totalSample, true},
	}
}

func sameShape(sh shape) shape { return sh }

func toGauge(sh shape) shape {
	sh.kind = gauge
	return sh
}

func toDouble(sh shape) shape {
	sh.kind, sh.value = gauge, doubleValue
	return sh
}

func toRate(sh shape) shape {
	sh = toDouble(sh)
	sh.unit += "/s"
	return sh
}

// parseAggregation checks that the aligner and the reducer can be applied to the metric.
func parseAggregation(a *monitoringpb.Aggregation, m *metric) (aggregation, error) {
	align, reduce := a.GetPerSeriesAligner(), a.GetCrossSeriesReducer()
	if align == monitoringpb.Aggregation_ALIGN_NONE {
		if reduce != monitoringpb.Aggregation_REDUCE_NONE {
			return aggregation{}, fmt.Errorf("cross_series_reducer %s needs a per_series_aligner other than ALIGN_NONE", reduce)
		}
		return aggregation{}, nil
	}
	out := aggregation{align: aligners()[align], period: a.GetAlignmentPeriod().AsDuration()}
	if out.align == nil {
		return out, fmt.Errorf("per_series_aligner %s is not supported", align)
	}
	if !slices.Contains(out.align.kinds, m.kind) || !slices.Contains(out.align.values, m.value) {
		return out, fmt.Errorf("per_series_aligner %s cannot be applied to a metric of kind %s and type %s", align, m.kind, m.value)
	}
	// The service wants at least 60 s, which is its sample period.
	if shortest := min(m.period, DefaultSamplePeriod); out.period < shortest || out.period > maxAlignmentPeriod {
		return out, fmt.Errorf("alignment_period must be from %s to %s", shortest, maxAlignmentPeriod)
	}
	if reduce == monitoringpb.Aggregation_REDUCE_NONE {
		return out, nil
	}
	return out, out.setReducer(reduce, a.GetGroupByFields(), m)
}

// from widens a read interval to whole windows, which are counted back from its end.
func (a aggregation) from(after, until int64) int64 {
	if a.align == nil {
		return after
	}
	period := int64(a.period)
	windows := (until - after + period - 1) / period
	if windows > until/period+1 { // Before 1970 there are no points, and the product stays in range.
		return 0
	}
	return until - windows*period
}

// apply aligns each row and then reduces them; until is the end of the interval.
func (a aggregation) apply(sh shape, rows []row, members []*series, until int64) (shape, []row) {
	if a.align == nil {
		return sh, rows
	}
	aligned := a.align.result(sh)
	for i := range rows {
		rows[i].points = a.alignPoints(rows[i].points, sh, aligned, until)
	}
	if a.reduce == nil {
		return aligned, rows
	}
	return a.reduceRows(aligned, rows, members)
}

// alignPoints walks windows from the newest to the oldest.
func (a aggregation) alignPoints(points []sample, in, out shape, until int64) []sample {
	var aligned []sample
	period := int64(a.period)
	for len(points) > 0 {
		window := (until - points[0].end) / period
		n := slices.IndexFunc(points, func(p sample) bool { return (until-p.end)/period != window })
		if n < 0 {
			n = len(points)
		}
		p := a.align.window(points[:n], in.value)
		if a.align.perSecond {
			p.real /= a.period.Seconds()
		}
		p.end = until - window*period
		p.start = p.end
		if out.kind == delta {
			p.start -= period
		}
		aligned = append(aligned, p)
		points = points[n:]
	}
	return aligned
}

func newestSample(in []sample, _ metricpb.MetricDescriptor_ValueType) sample { return in[0] }

func sumSample(in []sample, _ metricpb.MetricDescriptor_ValueType) sample {
	var total sample
	for _, p := range in {
		total.whole, total.real, total.sum = total.whole+p.whole, total.real+p.real, total.sum+p.sum
	}
	return total
}

func maxSample(in []sample, value metricpb.MetricDescriptor_ValueType) sample {
	return slices.MaxFunc(in, func(a, b sample) int { return compareSamples(a, b, value) })
}

// totalSample is the sum as a real number.
func totalSample(in []sample, value metricpb.MetricDescriptor_ValueType) sample {
	return sample{real: sumSample(in, value).number(value)}
}

func meanSample(in []sample, value metricpb.MetricDescriptor_ValueType) sample {
	return sample{real: totalSample(in, value).real / float64(len(in))}
}
