package cloudmon

import (
	"math"
	"testing"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"github.com/google/go-cmp/cmp"
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

func at(minutes int, value float64) backlog.Sample {
	return backlog.Sample{Value: value, At: noon.Add(time.Duration(minutes) * time.Minute)}
}

func question() Query {
	return Query{
		Metric: NumUndeliveredMessages, Project: "shop", Subscriptions: []string{"offers", "orders"},
		Since: noon.Add(-9 * time.Minute), Until: noon,
	}
}

func series(sub backlog.Subscription, samples ...backlog.Sample) *monitoringpb.TimeSeries {
	return cloudmontest.Series(string(NumUndeliveredMessages), sub, samples...)
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

func TestDecode(t *testing.T) {
	type samples = map[backlog.Subscription]backlog.Sample
	text := &monitoringpb.TypedValue{Value: &monitoringpb.TypedValue_StringValue{StringValue: "7"}}
	tests := []struct {
		name    string
		series  []*monitoringpb.TimeSeries
		want    samples
		ignored int
	}{
		{name: "no series", want: samples{}},
		{name: "a true zero", series: []*monitoringpb.TimeSeries{series(offers, at(-2, 0))}, want: samples{offers: at(-2, 0)}},
		{
			name:   "the newest point, whatever the order",
			series: []*monitoringpb.TimeSeries{series(offers, at(-3, 3), at(-1, 1), at(-2, 2)), series(orders, at(-2, 20))},
			want:   samples{offers: at(-1, 1), orders: at(-2, 20)},
		},
		{
			name:   "the newest of several series for one subscription",
			series: []*monitoringpb.TimeSeries{series(offers, at(-3, 3)), series(offers, at(-1, 1)), series(offers, at(-2, 2))},
			want:   samples{offers: at(-1, 1)},
		},
		{
			name:   "a series without points says nothing and takes nothing from its neighbour",
			series: []*monitoringpb.TimeSeries{series(orders, at(-1, 9)), series(offers)},
			want:   samples{orders: at(-1, 9)},
		},
		{name: "a double", series: []*monitoringpb.TimeSeries{valued(double(1.5))}, want: samples{offers: at(-1, 1.5)}},
		{
			name: "subscriptions that were not asked for",
			series: []*monitoringpb.TimeSeries{
				series(backlog.Subscription{Project: "shop", ID: "other"}, at(-1, 1)),
				series(backlog.Subscription{Project: "elsewhere", ID: "offers"}, at(-1, 2)),
				{Points: []*monitoringpb.Point{cloudmontest.Point(at(-1, 3))}},
				nil,
			},
			want: samples{},
		},
		{
			name: "values that are no level",
			series: []*monitoringpb.TimeSeries{
				valued(double(math.NaN())), valued(double(math.Inf(1))), valued(double(-1)), valued(text), valued(nil),
			},
			want: samples{}, ignored: 5,
		},
		{
			name: "instants that cannot be",
			series: []*monitoringpb.TimeSeries{
				ended(nil), ended(&timestamppb.Timestamp{Nanos: -1}), ended(timestamppb.New(time.Time{})),
				ended(timestamppb.New(noon.Add(clockSlack + time.Second))),
			},
			want: samples{}, ignored: 4,
		},
		{name: "a clock that is a little ahead", series: []*monitoringpb.TimeSeries{ended(timestamppb.New(noon.Add(clockSlack)))}, want: samples{offers: at(1, 7)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDecoder(question())
			for _, one := range tt.series {
				d.add(one)
			}
			want := Answer{Samples: tt.want, Series: len(tt.series), Ignored: tt.ignored}
			if diff := cmp.Diff(want, d.answer); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, one := range []*monitoringpb.TimeSeries{series(offers, at(-2, 5), at(-1, 6)), series(offers), valued(double(math.NaN())), ended(nil)} {
		wire, err := proto.Marshal(&monitoringpb.ListTimeSeriesResponse{TimeSeries: []*monitoringpb.TimeSeries{one}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		var answer monitoringpb.ListTimeSeriesResponse
		if proto.Unmarshal(wire, &answer) != nil {
			return
		}
		d := newDecoder(question())
		points := 0
		for _, one := range answer.GetTimeSeries() {
			d.add(one)
			points += len(one.GetPoints())
		}
		if d.answer.Series != len(answer.GetTimeSeries()) || d.answer.Ignored+len(d.answer.Samples) > points {
			t.Fatalf("%d points became %+v", points, d.answer)
		}
		for sub, s := range d.answer.Samples {
			if sub != offers && sub != orders {
				t.Fatalf("%s was not asked for", sub)
			}
			if s.At.IsZero() || s.At.After(noon.Add(clockSlack)) || math.IsNaN(s.Value) || s.Value < 0 || math.IsInf(s.Value, 0) {
				t.Fatalf("%s: %+v cannot be", sub, s)
			}
		}
	})
}
