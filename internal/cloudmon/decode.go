package cloudmon

import (
	"math"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"

	"spillway/internal/backlog"
)

// clockSlack is how far ahead of this machine's clock a sample may be. Later ones are ignored, because a sample of next
// year would count as fresh until then.
const clockSlack = time.Minute

// decoder gathers the newest sample of every subscription that was asked for.
type decoder struct {
	query  Query
	wanted map[string]bool
	answer Answer
}

func newDecoder(q Query) *decoder {
	d := &decoder{query: q, wanted: map[string]bool{}}
	d.answer.Samples = make(map[backlog.Subscription]backlog.Sample, len(q.Subscriptions))
	for _, id := range q.Subscriptions {
		d.wanted[id] = true
	}
	return d
}

// add takes in one series. A series of another subscription or project is only counted; one without points adds
// nothing; of several for one subscription the newest point wins.
func (d *decoder) add(series *monitoringpb.TimeSeries) {
	d.answer.Series++
	labels := series.GetResource().GetLabels()
	sub := backlog.Subscription{Project: labels["project_id"], ID: labels["subscription_id"]}
	if sub.Project != d.query.Project || !d.wanted[sub.ID] {
		return
	}
	for _, point := range series.GetPoints() {
		sample, ok := d.sample(point)
		if !ok {
			d.answer.Ignored++
			continue
		}
		if known, seen := d.answer.Samples[sub]; !seen || sample.At.After(known.At) {
			d.answer.Samples[sub] = sample
		}
	}
}

// sample returns the value of a point and the end of its interval, which is when a level was true.
func (d *decoder) sample(point *monitoringpb.Point) (backlog.Sample, bool) {
	end := point.GetInterval().GetEndTime()
	value, ok := number(point.GetValue())
	if !ok || end == nil || !end.IsValid() {
		return backlog.Sample{}, false
	}
	at := end.AsTime()
	if at.IsZero() || at.After(d.query.Until.Add(clockSlack)) {
		return backlog.Sample{}, false
	}
	return backlog.Sample{Value: value, At: at}, true
}

// number returns the value of a level: finite and not negative.
func number(v *monitoringpb.TypedValue) (float64, bool) {
	var value float64
	switch v := v.GetValue().(type) {
	case *monitoringpb.TypedValue_Int64Value:
		value = float64(v.Int64Value)
	case *monitoringpb.TypedValue_DoubleValue:
		value = v.DoubleValue
	default:
		return 0, false
	}
	return value, value >= 0 && !math.IsInf(value, 0)
}
