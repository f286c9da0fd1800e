package export

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/zap"

	"spillway/internal/backlog"
	"spillway/internal/fleet"
	"spillway/internal/httpserver"
	"spillway/internal/testenv"
	"spillway/internal/webstyle"
)

// fixture returns a board with everything that it can show, and the exporter's own series: at noon offers is fresh,
// orders held, stock absent, and a region of orders is missing.
func fixture(t *testing.T) (*Current, *prometheus.Registry) {
	t.Helper()
	o := parse(t, "--subscription=projects/shop/subscriptions/offers", "--metrics=num_undelivered_messages,oldest_unacked_message_age",
		"--metrics=num_unacked_messages_by_region,ack_message_count,topic/num_retained_messages")
	current := newCurrent(o.parseMetrics(nil), backlog.NumUndeliveredMessages)
	reg := prometheus.NewRegistry()
	figures := newMetrics(reg)
	for name, ids := range map[string][]string{"shop": {"offers", "orders"}, "depot": {"stock"}} {
		wants := map[string]want{}
		for _, id := range ids {
			wants[id] = want{by: []string{"--subscription"}}
		}
		p := &project{settings: settings{metrics: o.parseMetrics(nil), times: o.times, current: current}, id: name, began: noon.Add(-20 * time.Second)}
		p.roster = listing{}.next([]string{"offers", "orders"}, nil, noon)
		fill(p, wants)
		p.publish(p.metrics, wants)
		figures.begin(name, p.metrics)
		figures.watched(name, len(ids))
		figures.polled(name, 0, 4, noon.Add(-20*time.Second))
	}
	figures.called(listTimeSeries, backlog.NumUndeliveredMessages, "shop", "OK", 30*time.Millisecond)
	figures.called(listTimeSeries, backlog.NumUndeliveredMessages, "shop", "ResourceExhausted", 3*time.Millisecond)
	figures.called("ListSubscriptions", "", "depot", "OK", 3*time.Millisecond)
	figures.answered(backlog.NumUndeliveredMessages, "shop", 2, 1)
	figures.polled("depot", 1, 4, time.Time{})
	figures.polled("depot", 4, 4, time.Time{})
	fleet.New(fleet.Options{Period: time.Second}, reg, zap.NewNop())
	current.change(func(b *board) *board {
		next := *b
		next.estimates = believed()
		return &next
	})
	httpserver.NewRouter(reg).Handle(http.MethodGet, "/{$}", "/", http.NotFoundHandler())
	return current, reg
}

// believed are estimates of offers, of which one autoscaler has settings of its own, and of orders, of which nothing is known.
func believed() []*estimated {
	limits := backlog.Limits{Fresh: 20 * time.Second, Hold: 4 * time.Minute}
	known := func(value float64, age time.Duration) estimate {
		return estimate{seen: backlog.See(backlog.Sample{Value: value, At: noon.Add(-age)}, noon), limits: limits}
	}
	not := estimate{reason: backlog.ReasonUnmeasured, why: "it has not been measured"}
	all := []*estimated{
		{sub: offers, staffed: true, expected: 3, scraped: 2, values: []estimate{
			known(38123.5, time.Second), known(601.25, time.Second), known(200, time.Second), known(6.33, time.Minute), {reason: backlog.ReasonBehind, why: "too few"},
		}},
		{sub: offers, namespace: "web", autoscaler: "offers", staffed: true, expected: 3, scraped: 2, values: []estimate{
			known(38123.5, time.Second), known(601.25, time.Second), known(200, time.Second), known(9.5, time.Second), known(19, time.Second),
		}},
		{sub: orders, values: []estimate{not, not, not, not, not}},
	}
	for _, e := range all {
		e.name()
	}
	return all
}

// fill answers two polls, the second at noon.
func fill(p *project, wants map[string]want) {
	p.questions(p.metrics, wants, noon)
	ids := slices.Sorted(maps.Keys(wants))
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	for _, h := range p.histories {
		var list []backlog.Measured
		switch {
		case h.def.Metric.OfTopic():
			ids, list = nil, []backlog.Measured{level("news", 12.5, ago(2*time.Minute))}
		case h.def.Kind == backlog.Delta:
			h.take(ids, []backlog.Measured{grown("offers", ago(10*time.Minute), map[int]float64{0: 60})}, ago(4*time.Minute))
			list = []backlog.Measured{grown("offers", ago(10*time.Minute), map[int]float64{6: 60, 7: 120})}
		case h.def.Metric.ByRegion():
			list = []backlog.Measured{
				in("europe-west1", "offers", 40000, ago(150*time.Second)), in("us-east1", "offers", 1000, ago(3*time.Minute)),
				in("europe-west1", "orders", 7, ago(2*time.Minute)), in("us-east1", "orders", 9, ago(30*time.Minute)),
			}
		default:
			list = []backlog.Measured{
				level("offers", 41000, ago(150*time.Second)), level("orders", 0, ago(5*time.Minute)), level("stock", 7, ago(50*time.Minute)),
			}
		}
		h.take(ids, slices.DeleteFunc(list, func(m backlog.Measured) bool { return ids != nil && wants[m.ID].by == nil }), noon)
		ids = slices.Sorted(maps.Keys(wants))
	}
}

func TestTheScrapeIsWhatTheGoldenSays(t *testing.T) {
	current, reg := fixture(t)
	testenv.Golden(t, "testdata/metrics.golden", []byte(exposed(t, current, reg, noon, "")))
	testenv.Golden(t, "testdata/openmetrics.golden", []byte(exposed(t, current, reg, noon, "application/openmetrics-text;version=1.0.0")))
}

// gathered reads a scrape back.
func gathered(t *testing.T) prometheus.GathererFunc {
	t.Helper()
	current, reg := fixture(t)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(exposed(t, current, reg, noon, "")))
	if err != nil {
		t.Fatal(err)
	}
	return func() ([]*dto.MetricFamily, error) {
		var list []*dto.MetricFamily
		for _, name := range slices.Sorted(maps.Keys(families)) {
			list = append(list, families[name])
		}
		return list, nil
	}
}

// TestTheNamesKeepPrometheusRules: the only names that break them are stackdriver_exporter's.
func TestTheNamesKeepPrometheusRules(t *testing.T) {
	exempt := []string{"stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_ack_message_count"}
	problems, err := testutil.GatherAndLint(gathered(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !slices.Contains(exempt, p.Metric) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestNoSeriesIsThereTwice holds for every scrape, whatever the labels.
func TestNoSeriesIsThereTwice(t *testing.T) {
	current, reg := fixture(t)
	seen := map[string]bool{}
	for line := range strings.Lines(exposed(t, current, reg, noon, "")) {
		series, _, _ := strings.Cut(line, "} ")
		if !strings.HasPrefix(line, "#") && seen[series] {
			t.Errorf("%s is there twice", series)
		}
		seen[series] = true
	}
}

// TestEverySeriesIsDocumented holds the golden against the exporter's section of docs/metrics.md, both ways.
func TestEverySeriesIsDocumented(t *testing.T) {
	golden, err := os.ReadFile("testdata/metrics.golden")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(docs), "\n## backlog-exporter\n")
	if !found {
		t.Fatal("docs/metrics.md has no section backlog-exporter")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	exported := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllStringSubmatch(string(golden), -1) {
		exported[match[1]] = true
		if !repeated(match[1]) && !strings.Contains(section, "`"+match[1]) {
			t.Errorf("%s is not documented", match[1])
		}
	}
	for _, match := range regexp.MustCompile("(?m)^\\| `([a-z]+_[a-z_]+)` \\| `?[a-z]*`?").FindAllStringSubmatch(section, -1) {
		if !exported[match[1]] && !reason(match[1]) {
			t.Errorf("%s is documented but not exported", match[1])
		}
	}
}

// repeated reports whether a series is what every metric has; the page says it once, for num_undelivered_messages. Topics'
// metrics are named there as an example.
func repeated(name string) bool {
	for _, d := range append(backlog.Definitions(), backlog.Estimates()...) {
		n := namesOf(d, false)
		if d.Metric != backlog.NumUndeliveredMessages && slices.Contains([]string{n.stackdriver, n.age, n.state}, name) {
			return true
		}
	}
	return strings.HasPrefix(name, "pubsub_topic_")
}

// reason reports whether a word of the page is a reason rather than a series.
func reason(word string) bool { return slices.Contains(reasons(), word) }

func TestThePageShowsTheBoard(t *testing.T) {
	current, _ := fixture(t)
	var out strings.Builder
	current.load().view(noon).write(&out)
	testenv.Golden(t, "testdata/page.golden", []byte(out.String()))
	out.Reset()
	if newCurrent(nil, backlog.NumUndeliveredMessages).load().view(noon).write(&out); !strings.Contains(out.String(), "No subscription is watched") {
		t.Fatal(out.String())
	}
}

func TestThePageIsHTMLForABrowser(t *testing.T) {
	current, _ := fixture(t)
	answer := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	req.Header.Set("Accept", "text/html,*/*")
	page(current, func() time.Time { return noon }).ServeHTTP(answer, req)
	if answer.Header().Get("Content-Type") != "text/html; charset=utf-8" || answer.Header().Get("Content-Security-Policy") != webstyle.Policy() {
		t.Errorf("headers %v", answer.Header())
	}
	style, body, _ := strings.Cut(answer.Body.String(), "</style>")
	if !strings.HasSuffix(style, "<style>"+webstyle.CSS) { // To the byte: the policy knows its sum.
		t.Error("the stylesheet is not the shared one")
	}
	testenv.Golden(t, "testdata/page.html.golden", []byte(body))
}
