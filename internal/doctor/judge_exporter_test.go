package doctor

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"spillway/internal/backlog"
	"spillway/internal/doctor/cluster"
)

func parsed(t *testing.T, text string) exposition {
	t.Helper()
	families, err := parseExposition([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func apiError(code int) error {
	return apierrors.NewGenericServerResponse(code, http.MethodGet, schema.GroupResource{Resource: "things"}, "offers", "no", 0, true)
}

func TestJudgeExporter(t *testing.T) {
	page := func(state, reason string) exporterPage {
		return exporterPage{where: "the exporter", families: parsed(t, exporterText("shop", "offers", state, reason))}
	}
	service := cluster.Service{Namespace: "spillway", Name: "backlog-exporter", Port: "9090"}
	tests := []struct {
		name       string
		p          exporterPage
		want       Verdict
		says, cure string
	}{
		{"none was found", exporterPage{none: "there is none"}, Skipped, "there is none", ""},
		{"it does not answer", exporterPage{where: "the exporter", err: errors.New("connection refused")}, Failed, "connection refused", "pods are ready"},
		{"it may not be asked", exporterPage{where: "the exporter", service: service, err: apiError(http.StatusForbidden)}, Skipped, "not allowed", `"services/proxy"`},
		{"it is something else", exporterPage{where: "the exporter", families: parsed(t, "up 1\n")}, Failed, "does not answer as a backlog-exporter", "--exporter"},
		{"fresh", page("fresh", ""), OK, "says 41000, fresh, sampled 1m5s ago", ""},
		{"held", page("held", "gap"), Warning, "repeats the last value of 1m5s ago", "wait"},
		{"a missing permission", page("absent", "permission_denied"), Failed, "may not read Cloud Monitoring", "roles/monitoring.viewer"},
		{"no subscription", page("absent", "missing"), Failed, "no such subscription (missing)", "see to the subscription"},
		{"a deleted subscription", page("absent", "deleted"), Failed, "no such subscription (deleted)", "see to the subscription"},
		{"idle", page("absent", "idle"), Failed, "no sample for long", "--idle-as-zero"},
		{"not asked yet", page("absent", "not_polled"), Warning, "has not asked", "after a minute"},
		{"failing", page("absent", "poll_failing"), Failed, "cannot read Cloud Monitoring", "pubsub_exporter_api_calls_total"},
		{"a gap", page("absent", "gap"), Failed, "(gap)", "the page at /"},
		{"no reason", page("absent", ""), Failed, "has no value", "the page at /"},
		{"another subscription", exporterPage{where: "the exporter", families: parsed(t, exporterText("shop", "ofers", "fresh", ""))}, Failed, "does not read num_undelivered_messages", "it reads ofers"},
	}
	metric, _ := backlog.Describe("num_undelivered_messages")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, judgeExporter(tt.p, backlog.Subscription{Project: "shop", ID: "offers"}, metric), tt.want, tt.says, tt.cure)
		})
	}
}

// TestWhatTheExporterReallySays judges the page that the exporter's own test holds it to.
func TestWhatTheExporterReallySays(t *testing.T) {
	golden, err := os.ReadFile("../export/testdata/metrics.golden")
	if err != nil {
		t.Fatal(err)
	}
	page := exporterPage{where: "the exporter", families: parsed(t, string(golden))}
	metric, _ := backlog.Describe("num_undelivered_messages")
	tests := []struct {
		sub        backlog.Subscription
		want       Verdict
		says, cure string
	}{
		{backlog.Subscription{Project: "shop", ID: "offers"}, OK, "says 41000, fresh, sampled 2m30s ago", ""},
		{backlog.Subscription{Project: "shop", ID: "orders"}, Warning, "the last value of 5m0s ago", "wait"},
		{backlog.Subscription{Project: "depot", ID: "stock"}, Failed, "(deleted)", "see to the subscription"},
		{backlog.Subscription{Project: "shop", ID: "offer"}, Failed, "does not read", "it reads offers"},
	}
	for _, tt := range tests {
		expect(t, judgeExporter(page, tt.sub, metric), tt.want, tt.says, tt.cure)
	}
}

func TestTheNamespacesOwnExporterIsAsked(t *testing.T) {
	found := []cluster.Service{{Namespace: "spillway", Name: "a", Port: "9090"}, {Namespace: "shop", Name: "b", Port: "9090"}, {Namespace: "depot", Name: "c"}}
	for namespace, want := range map[string]string{"shop": "b", "depot": "a", "default": "a"} {
		if got := nearest(found, namespace); got.Name != want {
			t.Errorf("%s: %s", namespace, got)
		}
	}
}

func TestPagesThatAreNone(t *testing.T) {
	for _, page := range []string{"", "<html><body>s3cret</body></html>", "a{b=} 1\n", "{}", "\x00\xff"} {
		if families, err := parseExposition([]byte(page)); !errors.Is(err, errNoMetrics) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q is read as %v, %v", page, families, err)
		}
	}
}

func FuzzParseExposition(f *testing.F) {
	f.Add(exporterText("shop", "offers", "fresh", "gap"))
	f.Add(workerText("offers", 1, 1))
	f.Add("# TYPE a histogram\na_bucket{le=\"1\"} 1\na_count 1\na_sum 1\n")
	metric, _ := backlog.Describe("num_undelivered_messages")
	f.Fuzz(func(t *testing.T, text string) {
		families, err := parseExposition([]byte(text))
		if err != nil {
			return
		}
		sub := backlog.Subscription{Project: "shop", ID: "offers"}
		if got := judgeExporter(exporterPage{where: "x", families: families}, sub, metric); got.Message == "" || got.Verdict == Skipped {
			t.Errorf("%q is judged as %+v", text, got)
		}
		judgeRefusedWorkers([]worker{{families: families}}, sub)
	})
}
