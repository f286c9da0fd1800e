package cloudmon

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"spillway/internal/backlog"
	"spillway/internal/testenv/cloudmontest"
)

var (
	noon   = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	offers = backlog.Subscription{Project: "shop", ID: "offers"}
	orders = backlog.Subscription{Project: "shop", ID: "orders"}
)

// at is a level so many minutes from noon.
func at(minutes int, value float64) backlog.Point {
	end := noon.Add(time.Duration(minutes) * time.Minute)
	return backlog.Point{Start: end, End: end, Value: value}
}

// added is what a delta grew by in the minute that ends so many minutes from noon.
func added(minutes int, value float64) backlog.Point {
	p := at(minutes, value)
	p.Start = p.End.Add(-time.Minute)
	return p
}

func question() Query {
	return Query{
		Metric: backlog.NumUndeliveredMessages, Project: "shop", IDs: []string{"offers", "orders"},
		Since: noon.Add(-9 * time.Minute), Until: noon,
	}
}

func series(sub backlog.Subscription, points ...backlog.Point) *monitoringpb.TimeSeries {
	return cloudmontest.Series(backlog.NumUndeliveredMessages, sub, nil, points...)
}

func valued(v *monitoringpb.TypedValue) *monitoringpb.TimeSeries {
	one := series(offers, at(-1, 0))
	one.Points[0].Value = v
	return one
}

func double(v float64) *monitoringpb.TypedValue {
	return &monitoringpb.TypedValue{Value: &monitoringpb.TypedValue_DoubleValue{DoubleValue: v}}
}

func ended(end *timestamppb.Timestamp) *monitoringpb.TimeSeries {
	one := series(offers, at(-1, 7))
	one.Points[0].Interval = &monitoringpb.TimeInterval{EndTime: end}
	return one
}

func text(v string) *monitoringpb.TypedValue {
	return &monitoringpb.TypedValue{Value: &monitoringpb.TypedValue_StringValue{StringValue: v}}
}

func truth(v bool) *monitoringpb.TypedValue {
	return &monitoringpb.TypedValue{Value: &monitoringpb.TypedValue_BoolValue{BoolValue: v}}
}

func labelled(labels map[string]string) *monitoringpb.TimeSeries {
	return cloudmontest.Series(backlog.NumUndeliveredMessages, offers, labels, at(-1, 1))
}

func measured(id string, points ...backlog.Point) backlog.Measured {
	return backlog.Measured{ID: id, Points: points}
}

// decoded is what the decoder makes of a page with these series.
func decoded(t *testing.T, q Query, list ...*monitoringpb.TimeSeries) Answer {
	t.Helper()
	wire, err := proto.Marshal(&monitoringpb.ListTimeSeriesResponse{TimeSeries: list, NextPageToken: "more"})
	if err != nil {
		t.Fatal(err)
	}
	d := newDecoder(q)
	if next, err := d.page(wire); err != nil || next != "more" {
		t.Fatalf("got %q, %v", next, err)
	}
	return d.answer
}

func TestDecode(t *testing.T) {
	type list = []backlog.Measured
	tests := []struct {
		name    string
		series  []*monitoringpb.TimeSeries
		want    list
		ignored int
	}{
		{name: "no series"},
		{name: "a true zero", series: []*monitoringpb.TimeSeries{series(offers, at(-2, 0))}, want: list{measured("offers", at(-2, 0))}},
		{
			name:   "the newest point, whatever the order",
			series: []*monitoringpb.TimeSeries{series(offers, at(-3, 3), at(-1, 1), at(-2, 2)), series(orders, at(-2, 20))},
			want:   list{measured("offers", at(-1, 1)), measured("orders", at(-2, 20))},
		},
		{
			name:   "a series without points says nothing and takes nothing from its neighbour",
			series: []*monitoringpb.TimeSeries{series(orders, at(-1, 9)), series(offers)},
			want:   list{measured("orders", at(-1, 9))},
		},
		{name: "a double", series: []*monitoringpb.TimeSeries{valued(double(1.5))}, want: list{measured("offers", at(-1, 1.5))}},
		{
			name:   "a truth value",
			series: []*monitoringpb.TimeSeries{valued(truth(true)), valued(truth(false))},
			want:   list{measured("offers", at(-1, 1)), measured("offers", at(-1, 0))},
		},
		{
			name:   "labels come in order",
			series: []*monitoringpb.TimeSeries{labelled(map[string]string{"region": "europe-west1", "kind": `a"b`})},
			want: list{{
				ID: "offers", Labels: []backlog.Label{{Name: "kind", Value: `a"b`}, {Name: "region", Value: "europe-west1"}},
				Points: []backlog.Point{at(-1, 1)},
			}},
		},
		{
			name: "labels that would make two series look the same, or none at all",
			series: []*monitoringpb.TimeSeries{
				labelled(map[string]string{"subscription_id": "other"}), labelled(map[string]string{"unit": "2"}),
				labelled(map[string]string{"9th": "x"}), labelled(map[string]string{"a-b": "x"}), labelled(map[string]string{"": "x"}),
				labelled(map[string]string{"__name__": "x"}), labelled(map[string]string{"region": strings.Repeat("x", maxLabel+1)}), labelled(manyLabels(maxLabels + 1)),
			},
			ignored: 8,
		},
		{
			name: "subscriptions and metrics that were not asked for",
			series: []*monitoringpb.TimeSeries{
				series(backlog.Subscription{Project: "shop", ID: "other"}, at(-1, 1)),
				series(backlog.Subscription{Project: "elsewhere", ID: "offers"}, at(-1, 2)),
				cloudmontest.Series(backlog.OldestUnackedMessageAge, offers, nil, at(-1, 2)),
				{Points: []*monitoringpb.Point{cloudmontest.Point(at(-1, 3))}},
				nil,
			},
		},
		{
			name: "values that are no level",
			series: []*monitoringpb.TimeSeries{
				valued(double(math.NaN())), valued(double(math.Inf(1))), valued(double(-1)), valued(text("7")), valued(nil),
			},
			ignored: 5,
		},
		{
			name: "instants that cannot be",
			series: []*monitoringpb.TimeSeries{
				ended(nil), ended(&timestamppb.Timestamp{Nanos: -1}), ended(timestamppb.New(time.Time{})),
				ended(timestamppb.New(noon.Add(clockSlack + time.Second))),
			},
			ignored: 4,
		},
		{name: "a clock that is a little ahead", series: []*monitoringpb.TimeSeries{ended(timestamppb.New(noon.Add(clockSlack)))}, want: list{measured("offers", at(1, 7))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := Answer{Series: tt.want, Returned: len(tt.series), Ignored: tt.ignored}
			if diff := cmp.Diff(want, decoded(t, question(), tt.series...), cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func manyLabels(n int) map[string]string {
	labels := map[string]string{}
	for i := range n {
		labels[fmt.Sprintf("label_%d", i)] = "x"
	}
	return labels
}

func TestADeltasPointsAreAllKept(t *testing.T) {
	q := question()
	q.Metric, q.Kind = backlog.AckMessageCount, backlog.Delta
	got := decoded(t, q, cloudmontest.Series(q.Metric, offers, map[string]string{"delivery_type": "pull"}, added(-1, 3), added(-2, 4), at(-3, 5)))
	want := Answer{Series: []backlog.Measured{{
		ID: "offers", Labels: []backlog.Label{{Name: "delivery_type", Value: "pull"}}, Points: []backlog.Point{added(-1, 3), added(-2, 4)},
	}}, Returned: 1, Ignored: 1} // an interval without length says nothing
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestATopicsMetricIsReadByTopic(t *testing.T) {
	q := question()
	q.Metric, q.IDs = "pubsub.googleapis.com/topic/num_retained_messages", nil
	got := decoded(t, q, cloudmontest.Series(q.Metric, backlog.Subscription{Project: "shop", ID: "news"}, nil, at(-1, 4)))
	want := Answer{Series: []backlog.Measured{measured("news", at(-1, 4))}, Returned: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

// FuzzDecode holds the decoder against the generated messages: what they accept it accepts, and reads the same from it.
func FuzzDecode(f *testing.F) {
	for _, one := range []*monitoringpb.TimeSeries{
		series(offers, at(-2, 5), at(-1, 6)), series(offers), valued(double(math.NaN())), valued(truth(true)), valued(text("7")), ended(nil), labelled(manyLabels(2)),
	} {
		wire, err := proto.Marshal(&monitoringpb.ListTimeSeriesResponse{TimeSeries: []*monitoringpb.TimeSeries{one, one}, NextPageToken: "x", Unit: "1"})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire, true)
		f.Add(wire, false)
	}
	f.Fuzz(func(t *testing.T, wire []byte, delta bool) {
		q := question()
		if delta {
			q.Kind = backlog.Delta
		}
		d := newDecoder(q)
		next, err := d.page(wire)
		for _, one := range d.answer.Series {
			if one.ID != "offers" && one.ID != "orders" {
				t.Fatalf("%s was not asked for", one.ID)
			}
			for _, p := range one.Points {
				if p.End.IsZero() || p.End.After(noon.Add(clockSlack)) || math.IsNaN(p.Value) || p.Value < 0 || math.IsInf(p.Value, 0) {
					t.Fatalf("%s: %+v cannot be", one.ID, p)
				}
				if delta && !p.Start.Before(p.End) {
					t.Fatalf("%s: %+v has no length", one.ID, p)
				}
			}
		}
		var answer monitoringpb.ListTimeSeriesResponse
		if proto.Unmarshal(wire, &answer) != nil {
			return
		}
		if err != nil || next != answer.GetNextPageToken() {
			t.Fatalf("the generated messages accept what the decoder refuses: %v, %q", err, next)
		}
		want := newReference(q)
		for _, one := range answer.GetTimeSeries() {
			want.add(one)
		}
		if diff := cmp.Diff(want.answer, d.answer, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}
