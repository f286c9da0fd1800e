package externalmetrics

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"spillway/internal/backlog"
)

const (
	adapterName  = "pubsub.googleapis.com|subscription|num_undelivered_messages"
	exporterName = "stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages"
	shortName    = "pubsub_subscription_num_undelivered_messages"
	regionalName = "pubsub_subscription_num_unacked_messages_by_region"
)

func selector(t testing.TB, text string) labels.Selector {
	t.Helper()
	s, err := labels.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(t *testing.T, s Source, name, sel string) ([]external_metrics.ExternalMetricValue, error) {
	t.Helper()
	p := newProvider(s, newMetrics(prometheus.NewPedanticRegistry()))
	list, err := p.GetExternalMetric(t.Context(), "web", selector(t, sel), provider.ExternalMetricInfo{Metric: name})
	if err != nil {
		if list != nil {
			t.Errorf("an error came with %v", list)
		}
		return nil, err
	}
	return list.Items, nil
}

func TestValues(t *testing.T) {
	tests := []struct {
		name, selector string
		want           []string // quantities in order
		age            time.Duration
	}{
		{adapterName, "resource.labels.subscription_id=offers", []string{"40k"}, 2 * time.Minute},
		{adapterName, "resource.labels.subscription_id=offers,resource.labels.project_id=shop,resource.type=pubsub_subscription", []string{"40k"}, 2 * time.Minute},
		{exporterName, "subscription_id=offers,unit=1", []string{"40k"}, 2 * time.Minute},
		{shortName, "subscription_id in (offers,orders)", []string{"0", "40k"}, 3 * time.Minute},
		{shortName, "subscription_id=orders", []string{"0"}, 3 * time.Minute},
		{regionalName, "subscription_id=offers", []string{"10k", "30k"}, 3 * time.Minute},
		{regionalName, "subscription_id=offers,region=europe-west4", []string{"10k"}, 3 * time.Minute},
		{regionalName, "subscription_id=offers,metric.labels.region notin (europe-west4)", []string{"30k"}, 3 * time.Minute},
		{regionalName, "subscription_id=offers,region", []string{"10k", "30k"}, 3 * time.Minute},
		{regionalName, "subscription_id=orders,region=europe-west1", []string{"7"}, time.Minute},
		{"pubsub_subscription_ack_message_count", "subscription_id=offers", []string{"2500m", "2500m"}, time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.selector, func(t *testing.T) {
			items, err := get(t, source(), tt.name, tt.selector)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, item := range items {
				if item.MetricName != tt.name {
					t.Errorf("the item is called %s", item.MetricName)
				}
				got = append(got, item.Value.String())
			}
			if age := start.Sub(items[0].Timestamp.Time); age != tt.age {
				t.Errorf("the first item is %s old, want the oldest, %s", age, tt.age)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLabels(t *testing.T) {
	tests := []struct {
		name string
		want map[string]string
	}{
		{"pubsub.googleapis.com|subscription|num_unacked_messages_by_region", map[string]string{
			"resource.labels.project_id": "shop", "resource.labels.subscription_id": "offers",
			"resource.type": "pubsub_subscription", "metric.labels.region": "europe-west4",
		}},
		{regionalName, map[string]string{"project_id": "shop", "subscription_id": "offers", "unit": "1", "region": "europe-west4"}},
	}
	for _, tt := range tests {
		items, err := get(t, source(), tt.name, "subscription_id=offers,region=europe-west4")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, items[0].MetricLabels); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestErrors(t *testing.T) {
	whole := source()
	whole.Whole = func(project string) bool { return project == "shop" }
	tests := []struct {
		what, name, selector string
		code                 int32
		says                 string
	}{
		{"unknown metric", "pubsub_subscription_num_undelivered_message", "subscription_id=offers", 404, "Did you mean"},
		{"somebody else's metric without a delegate", "queue_length", "subscription_id=offers", 404, `no metric "queue_length"`},
		{"no subscription", shortName, "", 400, "names no subscription"},
		{"a typing error", shortName, "subscripton_id=offers", 400, "Did you mean subscription_id"},
		{"what is no subscription", shortName, "subscription_id=of", 400, "3 to 255"},
		{"not watched", shortName, "subscription_id=nobody", 404, "--subscription"},
		{"not polled", "pubsub_subscription_backlog_bytes", "subscription_id=offers", 503, "next poll"},
		{"missing", shortName, "subscription_id=offers,project_id=other-shop", 404, "no such subscription"},
		{"one of two missing", shortName, "subscription_id=offers,project_id in (shop,other-shop)", 404, "no such subscription"},
		{"a region missing", regionalName, "subscription_id=orders", 503, "europe-west4 has had no sample"},
		{"the missing region", regionalName, "subscription_id=orders,region=europe-west4", 503, "europe-west4 has had no sample"},
		{"one of two regions missing", regionalName, "subscription_id=orders,region in (europe-west1,europe-west4)", 503, "europe-west4"},
		{"all but a region, and who knows which", regionalName, "subscription_id=orders,region!=europe-west2", 503, "europe-west4"},
		{"a region that is not there", regionalName, "subscription_id=offers,region=us-east1", 404, "no series"},
		{"another unit", exporterName, "subscription_id=offers,unit=By", 404, "no series"},
		{"another resource", adapterName, "resource.labels.subscription_id=offers,resource.type=gce_instance", 404, "no series"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			_, err := get(t, source(), tt.name, tt.selector)
			status, ok := errors.AsType[*apierrors.StatusError](err)
			if !ok || status.ErrStatus.Code != tt.code || !strings.Contains(status.ErrStatus.Message, tt.says) {
				t.Fatalf("error %v, want a %d about %q", err, tt.code, tt.says)
			}
			if details := status.ErrStatus.Details; details != nil && details.RetryAfterSeconds != 0 {
				t.Error("asks to come back later, which keeps a client waiting inside its call")
			}
		})
	}
	t.Run("all of a project that is watched whole", func(t *testing.T) {
		items, err := get(t, whole, shortName, "subscription_id notin (orders)")
		if err != nil || len(items) != 1 || items[0].Value.Value() != 40000 {
			t.Fatalf("%v, %v", items, err)
		}
		if _, err := get(t, whole, shortName, "project_id=other-shop"); !apierrors.IsBadRequest(err) {
			t.Fatalf("another project: %v", err)
		}
	})
}

func TestDelegate(t *testing.T) {
	s := source()
	asked := map[string]int{}
	s.Delegate = delegateFunc(func(_ context.Context, namespace, metric string, sel labels.Selector) (*external_metrics.ExternalMetricValueList, error) {
		asked[namespace+" "+metric+" "+sel.String()]++
		return &external_metrics.ExternalMetricValueList{Items: []external_metrics.ExternalMetricValue{{MetricName: metric}}}, nil
	})
	if items, err := get(t, s, "s0-redis", "scaledobject.keda.sh/name=web"); err != nil || len(items) != 1 {
		t.Fatalf("%v, %v", items, err)
	}
	if _, err := get(t, s, shortName, "subscription_id=offers"); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, s, "pubsub_subscription_x", "subscription_id=offers"); !apierrors.IsNotFound(err) {
		t.Fatalf("an unknown metric of ours: %v", err)
	}
	if diff := cmp.Diff(map[string]int{"web s0-redis scaledobject.keda.sh/name=web": 1}, asked); diff != "" {
		t.Errorf("the delegate was asked (-want +got):\n%s", diff)
	}
}

type delegateFunc func(context.Context, string, string, labels.Selector) (*external_metrics.ExternalMetricValueList, error)

func (f delegateFunc) List(ctx context.Context, namespace, metric string, s labels.Selector) (*external_metrics.ExternalMetricValueList, error) {
	return f(ctx, namespace, metric, s)
}

func TestQuantity(t *testing.T) {
	tests := []struct {
		value float64
		want  string
	}{
		{0, "0"},
		{40000, "40k"},
		{2.5, "2500m"},
		{0.0001, "1m"},
		{1e15 + 0.5, "1000000000000001"},
		{9007199254740992, "9007199254740992"},
		{math.NaN(), ""},
		{math.Inf(1), ""},
		{1e300, ""},
	}
	for _, tt := range tests {
		got, err := quantity(tt.value)
		if (err != nil) != (tt.want == "") || err == nil && got.String() != tt.want {
			t.Errorf("%g is given as %v, %v; want %q", tt.value, got, err, tt.want)
		}
	}
}

func TestOutcomesAreCounted(t *testing.T) {
	m := newMetrics(prometheus.NewPedanticRegistry())
	p := newProvider(source(), m)
	for _, ask := range []struct{ name, selector string }{
		{shortName, "subscription_id=offers"},
		{shortName, ""},
		{shortName, "subscription_id=nobody"},
		{regionalName, "subscription_id=orders"},
	} {
		_, _ = p.GetExternalMetric(t.Context(), "web", selector(t, ask.selector), provider.ExternalMetricInfo{Metric: ask.name})
	}
	want := map[string]float64{"value": 1, "refused": 1, "unknown": 1, "absent": 1, "delegated": 0, "failed": 0}
	for _, outcome := range slices.Sorted(maps.Keys(want)) {
		if got := testutil.ToFloat64(m.requests.WithLabelValues(outcome)); got != want[outcome] {
			t.Errorf("%s: %g, want %g", outcome, got, want[outcome])
		}
	}
}

func TestDiscoveryNamesWhatCanBeRead(t *testing.T) {
	p := newProvider(source(), newMetrics(prometheus.NewPedanticRegistry()))
	names := map[string]bool{}
	for _, info := range p.ListAllExternalMetrics() {
		names[info.Metric] = true
	}
	for _, want := range []string{adapterName, exporterName, shortName} {
		if !names[want] {
			t.Errorf("%s is not listed", want)
		}
	}
	if len(names) != 9 {
		t.Errorf("%d names, want three spellings of three metrics", len(names))
	}
}

// FuzzGetExternalMetric holds that no name and no selector makes a value of nothing: there are items, or there is an
// error of the API's.
func FuzzGetExternalMetric(f *testing.F) {
	f.Add(shortName, "subscription_id=offers")
	f.Add(adapterName, "resource.labels.subscription_id in (offers,orders),resource.labels.project_id notin (x)")
	f.Add(regionalName, "subscription_id=orders,region!=europe-west1,!unit")
	f.Add("../../secrets", "a=b")
	s := source()
	s.Whole = func(string) bool { return true }
	p := newProvider(s, newMetrics(prometheus.NewPedanticRegistry()))
	f.Fuzz(func(t *testing.T, name, text string) {
		sel, err := labels.Parse(text)
		if err != nil {
			return
		}
		list, err := p.GetExternalMetric(t.Context(), "web", sel, provider.ExternalMetricInfo{Metric: name})
		if err == nil && len(list.Items) == 0 {
			t.Fatal("an empty list, which an autoscaler might take for 0")
		}
		if status, ok := errors.AsType[*apierrors.StatusError](err); err != nil && (!ok || status.ErrStatus.Code < 400 || status.ErrStatus.Message == "") {
			t.Fatalf("error %#v", err)
		}
		if err == nil {
			for _, item := range list.Items {
				if item.Timestamp.Time.IsZero() || item.Timestamp.After(start) {
					t.Fatalf("an item of %s", item.Timestamp)
				}
			}
		}
	})
}

var _ backlog.Board = shelf{}
