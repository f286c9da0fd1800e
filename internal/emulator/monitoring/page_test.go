package monitoring

import (
	"fmt"
	"testing"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"github.com/google/go-cmp/cmp"
)

// walk reads all pages and returns "subscription second" for every point, with the sizes of the pages.
func walk(w *world, req *monitoringpb.ListTimeSeriesRequest) (all []string, sizes []int) {
	w.t.Helper()
	for {
		resp := w.list(req)
		size := 0
		for _, ts := range resp.GetTimeSeries() {
			id := ts.GetResource().GetLabels()["subscription_id"]
			if req.GetView() == monitoringpb.ListTimeSeriesRequest_HEADERS {
				all = append(all, id)
				size++
			}
			for _, p := range shownPoints(ts) {
				all = append(all, fmt.Sprint(id, " ", p.End))
				size++
			}
		}
		sizes = append(sizes, size)
		req.PageToken = resp.GetNextPageToken()
		if req.GetPageToken() == "" {
			return all, sizes
		}
		if len(sizes) > 1000 {
			w.t.Fatal("the pages do not end")
		}
	}
}

// twoSubscriptions have three points each.
func twoSubscriptions(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, Options{VisibilityDelay: NoDelay})
	w.state.Subscriptions = []SubscriptionState{{Project: "p", ID: "a"}, {Project: "p", ID: "b"}}
	w.pass(3 * minute)
	return w
}

func TestFullPagesCountPoints(t *testing.T) {
	w := twoSubscriptions(t)
	want := []string{"a 180", "a 120", "a 60", "b 180", "b 120", "b 60"}
	tests := map[int32][]int{
		0: {6}, 1: {1, 1, 1, 1, 1, 1}, 2: {2, 2, 2}, 3: {3, 3}, 4: {4, 2}, 5: {5, 1}, 6: {6}, 7: {6}, maxPageSize + 1: {6},
	}
	for size, wantSizes := range tests {
		req := w.request(undeliveredMetric)
		req.PageSize = size
		all, sizes := walk(w, req)
		if diff := cmp.Diff(want, all); diff != "" {
			t.Errorf("page_size %d, points (-want +got):\n%s", size, diff)
		}
		if diff := cmp.Diff(wantSizes, sizes); diff != "" {
			t.Errorf("page_size %d, sizes of the pages (-want +got):\n%s", size, diff)
		}
	}
}

func TestHeaderPagesCountSeriesAndHaveNoPoints(t *testing.T) {
	w := twoSubscriptions(t)
	for size, wantSizes := range map[int32][]int{0: {2}, 1: {1, 1}, 2: {2}, 3: {2}} {
		req := w.request(undeliveredMetric)
		req.View, req.PageSize = monitoringpb.ListTimeSeriesRequest_HEADERS, size
		all, sizes := walk(w, req)
		if diff := cmp.Diff([]string{"a", "b"}, all); diff != "" {
			t.Errorf("page_size %d, series (-want +got):\n%s", size, diff)
		}
		if diff := cmp.Diff(wantSizes, sizes); diff != "" {
			t.Errorf("page_size %d, sizes of the pages (-want +got):\n%s", size, diff)
		}
	}
}

func TestAPageIsNeverAboveTheMaximum(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay, MaxPoints: 1 << 30})
	m := w.server.metricByType("pubsub.googleapis.com/" + undeliveredMetric)
	s := w.server.store.seriesOf(m, "p", "a", nil)
	for i := range int64(maxPageSize + 1) {
		at := epoch.UnixNano() - maxPageSize + i
		s.points = append(s.points, point{start: at, end: at})
	}
	req := w.request(undeliveredMetric)
	req.PageSize = maxPageSize + 1
	if _, sizes := walk(w, req); len(sizes) != 2 || sizes[0] != maxPageSize {
		t.Errorf("pages of %v points, want %d and 1", sizes, maxPageSize)
	}
}

func TestSamplesBetweenTwoPagesShiftNothing(t *testing.T) {
	w := twoSubscriptions(t)
	req := w.request(undeliveredMetric)
	req.Interval.EndTime = at(60 * minute)
	req.PageSize = 2
	first := w.list(req)
	w.pass(5 * minute)
	req.PageToken = first.GetNextPageToken()
	rest, _ := walk(w, req)
	if diff := cmp.Diff([]string{"a 60", "b 180", "b 120", "b 60"}, rest); diff != "" {
		t.Errorf("the pages after the first (-want +got):\n%s", diff)
	}
}

func TestAPageTokenBelongsToItsRequest(t *testing.T) {
	w := twoSubscriptions(t)
	req := w.request(undeliveredMetric)
	req.PageSize = 1
	token := w.list(req).GetNextPageToken()
	tests := map[string]func(*monitoringpb.ListTimeSeriesRequest){
		"other metric":   func(r *monitoringpb.ListTimeSeriesRequest) { r.Filter = w.request(ackMetric).GetFilter() },
		"other interval": func(r *monitoringpb.ListTimeSeriesRequest) { r.Interval.EndTime = at(2 * minute) },
		"other view":     func(r *monitoringpb.ListTimeSeriesRequest) { r.View = monitoringpb.ListTimeSeriesRequest_HEADERS },
		"not base64":     func(r *monitoringpb.ListTimeSeriesRequest) { r.PageToken = "%" },
		"not a token":    func(r *monitoringpb.ListTimeSeriesRequest) { r.PageToken = "bm8" },
		"from later": func(r *monitoringpb.ListTimeSeriesRequest) {
			r.PageToken = pageToken{Now: epoch.Add(60 * minute).UnixNano(), Request: fingerprint(withoutPage(r))}.String()
		},
		"negative offset": func(r *monitoringpb.ListTimeSeriesRequest) {
			r.PageToken = pageToken{Offset: -1, Request: fingerprint(withoutPage(r))}.String()
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			req := w.request(undeliveredMetric)
			req.PageToken = token
			change(req)
			if _, err := (&service{server: w.server}).ListTimeSeries(t.Context(), req); err == nil {
				t.Error("the token is accepted")
			}
		})
	}
	req.PageSize, req.PageToken = 5, token
	if points := len(w.list(req).GetTimeSeries()); points != 2 {
		t.Errorf("another page size with the same token gives %d series, want the rest of both", points)
	}
}
