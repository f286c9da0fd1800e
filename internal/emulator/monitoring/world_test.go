package monitoring

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"go.uber.org/zap/zaptest"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// epoch is a whole minute, hour and day.
var epoch = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

// world is a truth that a test sets and a clock that it turns.
type world struct {
	t      *testing.T
	server *Server

	mu    sync.Mutex
	now   time.Time
	state State
}

// newWorld starts at epoch with one subscription p/orders.
func newWorld(t *testing.T, opts Options) *world {
	t.Helper()
	if err := opts.Validate(); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: epoch, state: State{Subscriptions: []SubscriptionState{{Project: "p", ID: "orders"}}}}
	w.server = New(opts, w, w.clock, zaptest.NewLogger(t))
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// State implements [Truth].
func (w *world) State(time.Time) State {
	w.mu.Lock()
	defer w.mu.Unlock()
	subs := slices.Clone(w.state.Subscriptions)
	for i := range subs {
		subs[i].Acked, subs[i].Sent = maps.Clone(subs[i].Acked), maps.Clone(subs[i].Sent)
	}
	return State{Topics: slices.Clone(w.state.Topics), Subscriptions: subs}
}

// orders is the one subscription, to be changed.
func (w *world) orders() *SubscriptionState { return &w.state.Subscriptions[0] }

// pass lets time go by and takes the samples that fall due.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	end := w.clock().Add(d)
	for due := w.server.nextDue(w.clock()); !due.After(end); due = w.server.nextDue(due) {
		w.set(due)
		w.server.sample(due)
	}
	w.set(end)
}

func (w *world) set(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

// request asks for the last hour of a metric of subscriptions or topics of project p.
func (w *world) request(metric string) *monitoringpb.ListTimeSeriesRequest {
	return &monitoringpb.ListTimeSeriesRequest{
		Name:   "projects/p",
		Filter: `metric.type = "pubsub.googleapis.com/` + metric + `"`,
		Interval: &monitoringpb.TimeInterval{
			StartTime: timestamppb.New(w.clock().Add(-time.Hour)),
			EndTime:   timestamppb.New(w.clock()),
		},
	}
}

func (w *world) list(req *monitoringpb.ListTimeSeriesRequest) *monitoringpb.ListTimeSeriesResponse {
	w.t.Helper()
	resp, err := (&service{server: w.server}).ListTimeSeries(w.t.Context(), req)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp
}

// ints are the INT64 values of the only series of an answer, newest first; nil when there is no series.
func (w *world) ints(metric string) []int64 {
	w.t.Helper()
	return onlyInts(w.t, w.list(w.request(metric)))
}

func onlyInts(t *testing.T, resp *monitoringpb.ListTimeSeriesResponse) []int64 {
	t.Helper()
	if len(resp.GetTimeSeries()) > 1 {
		t.Fatalf("%d series, want one: %v", len(resp.GetTimeSeries()), resp)
	}
	var values []int64
	for _, ts := range resp.GetTimeSeries() {
		for _, p := range ts.GetPoints() {
			values = append(values, p.GetValue().GetInt64Value())
		}
	}
	return values
}
