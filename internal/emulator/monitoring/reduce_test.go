package monitoring

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestReducers(t *testing.T) {
	const (
		sum  = monitoringpb.Aggregation_REDUCE_SUM
		most = monitoringpb.Aggregation_REDUCE_MAX
		mean = monitoringpb.Aggregation_REDUCE_MEAN
	)
	const bySub, byRegion = "resource.labels.subscription_id", "metric.label.region"
	tests := map[string]struct {
		align  monitoringpb.Aggregation_Aligner
		reduce monitoringpb.Aggregation_Reducer
		group  []string
		want   []string // labels: values, newest first
	}{
		"sum of all":                {alignMax, sum, nil, []string{": 44 22"}},
		"sum of doubles":            {alignMean, sum, nil, []string{": 44 22"}},
		"max of all":                {alignMax, most, nil, []string{": 20 10"}},
		"mean of all":               {alignMax, mean, nil, []string{": 11 5.5"}},
		"sum over the regions":      {alignMax, sum, []string{bySub}, []string{"subscription_id=mails: 4 2", "subscription_id=orders: 40 20"}},
		"max by region":             {alignNextOlder, most, []string{byRegion}, []string{"region=eu: 20 10", "region=us: 20 10"}},
		"sum by project":            {alignMax, sum, []string{"resource.labels.project_id"}, []string{"project_id=p: 44 22"}},
		"by type keeps no label":    {alignMax, sum, []string{"metric.type", "resource.type", "project"}, []string{": 44 22"}},
		"by an absent metric label": {alignMax, sum, []string{"metric.labels.none"}, []string{": 44 22"}},
		"by both": {
			alignMax, sum,
			[]string{bySub, byRegion},
			[]string{
				"region=eu,subscription_id=mails: 2 1", "region=us,subscription_id=mails: 2 1",
				"region=eu,subscription_id=orders: 20 10", "region=us,subscription_id=orders: 20 10",
			},
		},
	}
	w := newWorld(t, Options{VisibilityDelay: NoDelay, Regions: []string{"eu", "us"}})
	w.state.Subscriptions = []SubscriptionState{{Project: "p", ID: "orders"}, {Project: "p", ID: "mails"}}
	for range 2 {
		w.state.Subscriptions[0].Undelivered += 20
		w.state.Subscriptions[1].Undelivered += 2
		w.pass(minute)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			req := w.request("subscription/num_unacked_messages_by_region")
			req.Aggregation = &monitoringpb.Aggregation{
				PerSeriesAligner: test.align, CrossSeriesReducer: test.reduce, AlignmentPeriod: durationpb.New(minute), GroupByFields: test.group,
			}
			var got []string
			for _, ts := range w.list(req).GetTimeSeries() {
				got = append(got, describe(ts))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("series (-want +got):\n%s", diff)
			}
		})
	}
}

// describe shows a series as its labels and values, newest first.
func describe(ts *monitoringpb.TimeSeries) string {
	labels := map[string]string{}
	maps.Copy(labels, ts.GetMetric().GetLabels())
	maps.Copy(labels, ts.GetResource().GetLabels())
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, key+"="+labels[key])
	}
	var line strings.Builder
	line.WriteString(strings.Join(pairs, ",") + ":")
	for _, p := range shownPoints(ts) {
		fmt.Fprint(&line, " ", p.Value)
	}
	return line.String()
}

func TestReducersWorkOnTheSeriesThatHaveAPointAtTheInstant(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.orders().Undelivered = 5
	w.pass(minute)
	w.state.Subscriptions = append(w.state.Subscriptions, SubscriptionState{Project: "p", ID: "mails", Undelivered: 3})
	w.pass(minute)
	req := w.request(undeliveredMetric)
	req.Aggregation = &monitoringpb.Aggregation{
		PerSeriesAligner: alignNextOlder, CrossSeriesReducer: monitoringpb.Aggregation_REDUCE_MEAN, AlignmentPeriod: durationpb.New(minute),
	}
	if diff := cmp.Diff([]shown{{120, 120, 4}, {60, 60, 5}}, shownPoints(w.list(req).GetTimeSeries()[0])); diff != "" {
		t.Errorf("mean (-want +got):\n%s", diff)
	}
}
