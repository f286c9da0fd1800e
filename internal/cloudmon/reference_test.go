package cloudmon

import (
	"maps"
	"math"
	"slices"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"

	"spillway/internal/backlog"
)

// reference is what the decoder does, on top of the generated messages: the two must read the same.
type reference struct {
	query  Query
	wanted map[string]bool // nil means all
	answer Answer
}

func newReference(q Query) *reference {
	d := &reference{query: q}
	if len(q.IDs) > 0 {
		d.wanted = make(map[string]bool, len(q.IDs))
		for _, id := range q.IDs {
			d.wanted[id] = true
		}
	}
	return d
}

// add takes in one series. A series of another subscription, project or metric is only counted; one without points adds
// nothing.
func (d *reference) add(series *monitoringpb.TimeSeries) {
	d.answer.Returned++
	resource := series.GetResource().GetLabels()
	id := resource[owner(d.query.Metric)+"_id"]
	if id == "" || resource["project_id"] != d.query.Project || series.GetMetric().GetType() != string(d.query.Metric) {
		return
	}
	if d.wanted != nil && !d.wanted[id] {
		return
	}
	labels, ok := labelsOf(series.GetMetric().GetLabels())
	if !ok {
		d.answer.Ignored += len(series.GetPoints())
		return
	}
	if points := d.points(series.GetPoints()); len(points) > 0 {
		d.answer.Series = append(d.answer.Series, backlog.Measured{ID: id, Labels: labels, Points: points})
	}
}

// points returns the newest point of a level, or every point of a delta.
func (d *reference) points(given []*monitoringpb.Point) []backlog.Point {
	var points []backlog.Point
	for _, one := range given {
		p, ok := d.point(one)
		switch {
		case !ok:
			d.answer.Ignored++
		case d.query.Kind == backlog.Delta || len(points) == 0:
			points = append(points, p)
		case p.End.After(points[0].End):
			points[0] = p
		}
	}
	return points
}

// point returns a point with the end of its interval, which is when a level was true. A delta's interval begins before it
// ends.
func (d *reference) point(given *monitoringpb.Point) (backlog.Point, bool) {
	value, ok := number(given.GetValue())
	end := given.GetInterval().GetEndTime()
	if !ok || end == nil || !end.IsValid() {
		return backlog.Point{}, false
	}
	p := backlog.Point{End: end.AsTime(), Value: value}
	p.Start = p.End
	if start := given.GetInterval().GetStartTime(); start.IsValid() {
		p.Start = start.AsTime()
	}
	if p.End.IsZero() || p.End.After(d.query.Until.Add(clockSlack)) {
		return backlog.Point{}, false
	}
	return p, d.query.Kind != backlog.Delta || p.Start.Before(p.End)
}

// number returns the value of a level or of what was added: finite and not negative; true counts as 1.
func number(v *monitoringpb.TypedValue) (float64, bool) {
	var value float64
	switch v := v.GetValue().(type) {
	case *monitoringpb.TypedValue_Int64Value:
		value = float64(v.Int64Value)
	case *monitoringpb.TypedValue_DoubleValue:
		value = v.DoubleValue
	case *monitoringpb.TypedValue_BoolValue:
		if v.BoolValue {
			value = 1
		}
	default:
		return 0, false
	}
	return value, value >= 0 && !math.IsInf(value, 0)
}

func labelsOf(given map[string]string) ([]backlog.Label, bool) {
	if len(given) > maxLabels {
		return nil, false
	}
	var labels []backlog.Label
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !labelName(name) || len(name) > maxLabel || len(given[name]) > maxLabel {
			return nil, false
		}
		labels = append(labels, backlog.Label{Name: name, Value: given[name]})
	}
	return labels, true
}
