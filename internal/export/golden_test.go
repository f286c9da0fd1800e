package export

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"spillway/internal/backlog"
	"spillway/internal/httpserver"
	"spillway/internal/testenv"
)

func encode(out io.Writer, family *dto.MetricFamily) error {
	_, err := expfmt.MetricFamilyToText(out, family)
	return err
}

// exposition returns a registry with every series of the exporter: at noon offers is fresh, orders held, stock absent.
func exposition() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	b := newBoard(levels(), []backlog.Subscription{stock, offers, orders})
	for _, l := range levels() {
		b.samples[id{l.metric, offers}] = sampled(41000, 150*time.Second)
		b.samples[id{l.metric, orders}] = sampled(0, 5*time.Minute)
		b.samples[id{l.metric, stock}] = sampled(7, time.Hour)
	}
	b.complete = noon.Add(-20 * time.Second)
	shown := &atomic.Pointer[board]{}
	shown.Store(b)
	reg.MustRegister(newCollector(shown, bounds, func() time.Time { return noon }))
	m := newMetrics(reg, b.queries())
	m.called(levels()[0].metric, "shop", "OK", 30*time.Millisecond)
	m.called(levels()[0].metric, "shop", "ResourceExhausted", 3*time.Millisecond)
	m.answered(query{metric: levels()[0].metric, project: "shop"}, 2, 1)
	m.polled(0, 4)
	m.polled(1, 4)
	m.polled(4, 4)
	httpserver.NewRouter(reg).Handle(http.MethodGet, "/{$}", "/", http.NotFoundHandler())
	return reg
}

func TestTheScrapeIsWhatTheGoldenSays(t *testing.T) {
	testenv.Golden(t, "testdata/metrics.golden", []byte(scrape(t, exposition())))
}

func TestTheNamesKeepPrometheusRules(t *testing.T) {
	problems, err := testutil.GatherAndLint(exposition())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
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
		if !strings.Contains(section, "`"+match[1]) {
			t.Errorf("%s is not documented", match[1])
		}
	}
	for _, match := range regexp.MustCompile("(?m)^\\| `([a-z]+_[a-z_]+)`").FindAllStringSubmatch(section, -1) {
		if !exported[match[1]] {
			t.Errorf("%s is documented but not exported", match[1])
		}
	}
}

func TestThePageShowsTheBoard(t *testing.T) {
	b := &board{levels: levels(), subs: []backlog.Subscription{offers, orders}, samples: map[id]backlog.Sample{
		{levels()[0].metric, offers}: sampled(41000, 150*time.Second), {levels()[1].metric, offers}: sampled(12.5, 5*time.Minute),
		{levels()[0].metric, orders}: sampled(7, time.Hour),
	}, complete: noon.Add(-20 * time.Second)}
	var out strings.Builder
	write(&out, b, noon, bounds)
	testenv.Golden(t, "testdata/page.golden", []byte(out.String()))
	out.Reset()
	b.complete = time.Time{}
	if write(&out, b, noon, bounds); !strings.Contains(out.String(), "last complete poll none yet") {
		t.Fatal(out.String())
	}
}
