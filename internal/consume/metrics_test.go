package consume

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"spillway/internal/cgroup"
	"spillway/internal/httpserver"
	"spillway/internal/pull"
	"spillway/internal/testenv"
)

// scrape renders what a fresh worker serves, without Go's and the process's own series, whose values differ.
func scrape(t *testing.T) (*prometheus.Registry, []byte) {
	t.Helper()
	reg := prometheus.NewRegistry()
	newProcessMetrics(reg, cgroup.Limits{CPUs: 1.5})
	newMetrics(reg, "offers", newSlots(100), nil)
	pull.NewMetrics(reg).Start("offers", func() (int, int) { return 0, 0 })
	router := httpserver.NewRouter(reg)
	router.Handle("GET", "/{$}", "/", nil)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&out, f); err != nil {
			t.Fatal(err)
		}
	}
	return reg, out.Bytes()
}

func TestTheScrapeOfAFreshWorkerIsGolden(t *testing.T) {
	reg, text := scrape(t)
	testenv.Golden(t, "testdata/metrics.golden", text)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestFlowsOfOneWorkerDoNotCollide(t *testing.T) {
	reg := prometheus.NewRegistry()
	pulled := pull.NewMetrics(reg)
	for _, subscription := range []string{"offers", "images"} {
		newMetrics(reg, subscription, newSlots(100), nil)
		pulled.Start(subscription, func() (int, int) { return 0, 0 })
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		seen := map[string]int{}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "subscription" {
					seen[l.GetValue()]++
				}
			}
		}
		if seen["offers"] == 0 || seen["offers"] != seen["images"] {
			t.Errorf("%s: %v", f.GetName(), seen)
		}
	}
}

func TestEverySeriesIsDocumentedAndNoOther(t *testing.T) {
	_, text := scrape(t)
	doc, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\w+) `).FindAllSubmatch(text, -1) {
		served[string(m[1])] = true
		if !bytes.Contains(doc, []byte("`"+string(m[1]))) {
			t.Errorf("docs/metrics.md does not name %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`((?:pubsub_worker|http_request)\\w+)").FindAllSubmatch(doc, -1) {
		if !served[string(m[1])] {
			t.Errorf("docs/metrics.md names %s, which is not served", m[1])
		}
	}
}
