package monitoring

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zaptest"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// faults parses what a person would write.
func faults(t *testing.T, texts ...string) []Fault {
	t.Helper()
	var list []Fault
	for _, text := range texts {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

func (w *world) breakWith(texts ...string) {
	w.t.Helper()
	if err := w.server.SetFaults(faults(w.t, texts...)...); err != nil {
		w.t.Fatal(err)
	}
}

// minutesOf are the minutes after epoch at which a subscription's series has points, newest first.
func (w *world) minutesOf(metric, subscription string) []int {
	w.t.Helper()
	req := w.request(metric)
	req.Filter += ` resource.labels.subscription_id = "` + subscription + `"`
	var minutes []int
	for _, ts := range w.list(req).GetTimeSeries() {
		for _, p := range shownPoints(ts) {
			minutes = append(minutes, int(p.End/60))
		}
	}
	return minutes
}

func TestGapsHidePointsSampledInThem(t *testing.T) {
	const bytes = "subscription/backlog_bytes"
	all := []int{6, 5, 4, 3, 2, 1}
	gone := []int{6, 5, 2, 1} // Of a gap that begins at minute 2 and ends with minute 4.
	tests := map[string]struct {
		fault                      string
		orders, mails, ordersBytes []int
	}{
		"of everything":         {"gap,for=2m", gone, gone, gone},
		"of a metric":           {"gap,for=2m,metric=num_undelivered_messages", gone, gone, all},
		"of a subscription":     {"gap,for=2m,subscription=orders", gone, all, gone},
		"by full name":          {"gap,for=2m,subscription=projects/p/subscriptions/orders", gone, all, gone},
		"of another project":    {"gap,for=2m,subscription=projects/q/subscriptions/orders", all, all, all},
		"of both":               {"gap,for=2m,subscription=orders,metric=subscription/num_undelivered_messages", gone, all, all},
		"without an end":        {"gap,subscription=mails", all, []int{2, 1}, all},
		"that comes later":      {"gap,after=3m,subscription=mails", all, []int{5, 4, 3, 2, 1}, all},
		"that reaches back":     {"gap,after=-2m,for=1m,subscription=mails", all, []int{6, 5, 4, 3, 2}, all},
		"that hits no sample":   {"gap,for=59s,subscription=orders", all, all, all},
		"a region's own outage": {"region,region=us,for=2m", gone, gone, gone},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{VisibilityDelay: NoDelay, Regions: []string{"eu", "us"}})
			w.state.Subscriptions = append(w.state.Subscriptions, SubscriptionState{Project: "p", ID: "mails"})
			w.pass(2 * minute)
			w.breakWith(test.fault)
			w.pass(4 * minute)
			got := [][]int{w.minutesOf(undeliveredMetric, "orders"), w.minutesOf(undeliveredMetric, "mails"), w.minutesOf(bytes, "orders")}
			if diff := cmp.Diff([][]int{test.orders, test.mails, test.ordersBytes}, got); diff != "" {
				t.Errorf("minutes with points (-want +got):\n%s", diff)
			}
			w.breakWith()
			if diff := cmp.Diff(all, w.minutesOf(undeliveredMetric, "orders")); diff != "" {
				t.Errorf("after the fault is removed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestASeriesWhosePointsAreAllHiddenDoesNotComeBack(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.breakWith("gap")
	w.pass(minute)
	if resp := w.list(w.request(undeliveredMetric)); len(resp.GetTimeSeries()) != 0 {
		t.Errorf("in a gap: %v", resp)
	}
	if got := w.server.Shown(w.clock(), "p", "orders"); len(got) != 0 {
		t.Errorf("in a gap the admin page shows %v", got)
	}
}

func TestARegionOutageLeavesTheOtherRegionAlone(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay, Regions: []string{"eu", "us"}})
	w.orders().Undelivered = 10
	w.orders().Acked = map[string]int64{"pull": 3}
	w.breakWith("region,region=us")
	w.pass(minute)
	want := map[string]Point{}
	for name, p := range w.server.Shown(w.clock(), "p", "orders") {
		global := name == "num_undelivered_messages" || name == "oldest_unacked_message_age" || name == "backlog_bytes"
		if global || strings.Contains(name, `region="us"`) {
			t.Errorf("%s is shown", name)
		}
		want[name] = p
	}
	for _, name := range []string{`num_unacked_messages_by_region{region="eu"}`, `ack_message_count{delivery_type="pull"}`} {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is not shown", name)
		}
	}
}

func TestLatePointsComeLater(t *testing.T) {
	w := newWorld(t, Options{})
	w.breakWith("late,delay=3m,for=1m")
	w.pass(3 * minute) // The sample of minute 1 is due now, and late.
	if got := w.minutesOf(undeliveredMetric, "orders"); got != nil {
		t.Errorf("at 3 min: %v, want nothing", got)
	}
	w.pass(minute)
	if diff := cmp.Diff([]int{2}, w.minutesOf(undeliveredMetric, "orders")); diff != "" {
		t.Errorf("at 4 min, the sample after it (-want +got):\n%s", diff)
	}
	w.pass(2*minute - 1)
	if diff := cmp.Diff([]int{3, 2}, w.minutesOf(undeliveredMetric, "orders")); diff != "" {
		t.Errorf("just before 6 min (-want +got):\n%s", diff)
	}
	w.pass(1)
	if diff := cmp.Diff([]int{4, 3, 2, 1}, w.minutesOf(undeliveredMetric, "orders")); diff != "" {
		t.Errorf("at 6 min (-want +got):\n%s", diff)
	}
}

func TestEmptySeriesHaveAHeaderAndNoPoints(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.state.Subscriptions = append(w.state.Subscriptions, SubscriptionState{Project: "p", ID: "mails"})
	w.pass(minute)
	w.breakWith("empty,subscription=orders,for=1m")
	w.pass(1)
	req := w.request(undeliveredMetric)
	req.PageSize = 1
	got, _ := walk(w, req)
	if diff := cmp.Diff([]string{"mails 60"}, got); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
	if got := len(w.list(w.request(undeliveredMetric)).GetTimeSeries()); got != 2 {
		t.Errorf("%d series, want both", got)
	}
	if got := w.server.Shown(w.clock(), "p", "orders"); len(got) != 0 {
		t.Errorf("the admin page shows %v", got)
	}
	w.pass(minute)
	if diff := cmp.Diff([]int{2, 1}, w.minutesOf(undeliveredMetric, "orders")); diff != "" {
		t.Errorf("when it is over (-want +got):\n%s", diff)
	}
}

func TestFailingRequestsHaveTheServicesCodes(t *testing.T) {
	tests := map[string]struct {
		code   codes.Code
		reason string
	}{
		"quota":                        {codes.ResourceExhausted, "RATE_LIMIT_EXCEEDED"},
		"unavailable":                  {codes.Unavailable, ""},
		"unauthenticated":              {codes.Unauthenticated, "ACCESS_TOKEN_EXPIRED"},
		"denied":                       {codes.PermissionDenied, "IAM_PERMISSION_DENIED"},
		"quota,after=1m":               {codes.OK, ""},
		"quota,after=-2m,for=1m":       {codes.OK, ""},
		"quota,after=-1m,for=1m":       {codes.ResourceExhausted, "RATE_LIMIT_EXCEEDED"},
		"unavailable,share=0.0000001":  {codes.OK, ""},
		"unavailable,share=0.99999999": {codes.Unavailable, ""},
	}
	for fault, want := range tests {
		t.Run(fault, func(t *testing.T) {
			w := newWorld(t, Options{Seed: 1})
			w.breakWith(fault)
			if !strings.Contains(fault, "for=") {
				w.pass(1)
			}
			v := &service{server: w.server}
			_, series := v.ListTimeSeries(t.Context(), w.request(undeliveredMetric))
			_, list := v.ListMetricDescriptors(t.Context(), &monitoringpb.ListMetricDescriptorsRequest{Name: "projects/p"})
			_, get := v.GetMetricDescriptor(t.Context(), &monitoringpb.GetMetricDescriptorRequest{
				Name: "projects/p/metricDescriptors/pubsub.googleapis.com/" + undeliveredMetric,
			})
			for _, err := range []error{series, list, get} {
				if status.Code(err) != want.code || reasonOf(err) != want.reason {
					t.Errorf("error %v with reason %q, want %s with %q", err, reasonOf(err), want.code, want.reason)
				}
			}
		})
	}
}

func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func TestSlowAnswersTakeTheirTimeOrEndWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{}, truthFunc(func() State { return State{} }), time.Now, zaptest.NewLogger(t))
		if err := s.SetFaults(faults(t, "slow,delay=10s", "slow,delay=5s", "unavailable")...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Nanosecond)
		begin := time.Now()
		err := s.faults.admit(t.Context(), time.Now())
		if took := time.Since(begin); took != 15*time.Second || status.Code(err) != codes.Unavailable {
			t.Errorf("%v after %s, want Unavailable after 15s", err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		err = s.faults.admit(ctx, time.Now())
		if took := time.Since(begin); took != time.Second || status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("%v after %s, want DeadlineExceeded after 1s", err, took)
		}
	})
}

func TestSharesAreAsWideAsTheySayAndRepeatWithTheSeed(t *testing.T) {
	failures := func(seed uint64) string {
		w := newWorld(t, Options{Seed: seed})
		w.breakWith("unavailable,share=0.3")
		w.pass(1)
		var pattern strings.Builder
		for range 1000 {
			pattern.WriteByte("01"[boolReading(w.server.faults.admit(t.Context(), w.clock()) != nil)])
		}
		return pattern.String()
	}
	hidden := func(seed uint64) string {
		w := newWorld(t, Options{Seed: seed, VisibilityDelay: NoDelay})
		w.breakWith("gap,share=0.3")
		w.pass(1000 * minute)
		s := w.server.store.byMetric[w.server.metrics[0]][resourceKey{"p", "orders"}][0]
		l := w.server.faults.at(w.clock()).on(s)
		var pattern strings.Builder
		for _, p := range s.points {
			pattern.WriteByte("10"[boolReading(l.shows(s, p))])
		}
		return pattern.String()
	}
	for name, draw := range map[string]func(uint64) string{"requests": failures, "points": hidden} {
		t.Run(name, func(t *testing.T) {
			first := draw(1)
			if n := strings.Count(first, "1"); n < 250 || n > 350 {
				t.Errorf("%d of 1000 are hit, want about 300", n)
			}
			if draw(1) != first {
				t.Error("the same seed hits others")
			}
			if draw(2) == first {
				t.Error("another seed hits the same")
			}
		})
	}
}

func TestFaultsAreReplacedAddedAndListed(t *testing.T) {
	w := newWorld(t, Options{})
	expect := func(want ...string) {
		t.Helper()
		var got []string
		for _, f := range w.server.Faults() {
			got = append(got, f.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
	}
	w.breakWith("gap", "quota")
	expect("gap", "quota")
	if err := w.server.AddFaults(faults(t, "unavailable")...); err != nil {
		t.Fatal(err)
	}
	expect("gap", "quota", "unavailable")
	w.breakWith("quota")
	expect("quota")
	if err := w.server.SetFaults(Fault{Kind: FaultGap}, Fault{Kind: "x"}); err == nil {
		t.Error("a bad fault is accepted")
	}
	if err := w.server.SetFaults(faults(t, "region,region=eurpoe-west1")...); err == nil || !strings.Contains(err.Error(), "the regions are [europe-west1]") {
		t.Errorf("a region that does not exist: error %v", err)
	}
	if err := w.server.SetFaults(Fault{Kind: FaultGap, Subscription: "a,b"}); err == nil {
		t.Error("a subscription with a comma is accepted")
	}
	if err := w.server.AddFaults(make([]Fault, maxFaults)...); err == nil {
		t.Error("faults of no kind are accepted")
	}
	many := make([]Fault, maxFaults)
	for i := range many {
		many[i].Kind = FaultGap
	}
	if err := w.server.AddFaults(many...); !errors.Is(err, ErrTooManyFaults) {
		t.Errorf("error %v, want %v", err, ErrTooManyFaults)
	}
	expect("quota")
	if err := w.server.SetFaults(many...); err != nil {
		t.Errorf("%d faults: %v", maxFaults, err)
	}
	w.breakWith()
	expect()
}
