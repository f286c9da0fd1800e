package doctor

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"spillway/internal/ask"
	"spillway/internal/backlog"
	"spillway/internal/doctor/cluster"
)

func book() *ask.Book {
	return ask.NewBook(append(backlog.Definitions(), backlog.Definition{Metric: backlog.Backlog}))
}

// asks returns what an autoscaler asks for and whether it is answered.
func asks(t *testing.T, name, selector string, answered bool) *external {
	t.Helper()
	parsed, err := labels.Parse(selector)
	if err != nil {
		t.Fatal(err)
	}
	e := &external{External: cluster.External{Name: name, Selector: parsed, Want: "AverageValue 40k"}, reading: readingFacts{asked: true}}
	if answered {
		e.reading.items = []cluster.Item{{Value: 1}}
	}
	if asked, err := book().Parse(name, parsed, "shop"); err == nil {
		e.asked = asked
	} else if _, unknown := book().Find(name); unknown == nil {
		e.refusal = err
	}
	return e
}

func TestJudgeAutoscaler(t *testing.T) {
	found := cluster.Autoscaler{Target: cluster.Scaled{Kind: "Deployment", Name: "worker"}, Min: 2, Max: 20, Current: 3, Desired: 4}
	tests := []struct {
		name       string
		f          autoscalerFacts
		want       Verdict
		says, cure string
	}{
		{"it is there", autoscalerFacts{name: "offers", found: found}, OK, "scales Deployment/worker between 2 and 20 pods, has 3 and wants 4", ""},
		{"it is not", autoscalerFacts{name: "offers", err: apiError(http.StatusNotFound)}, Failed, "no such autoscaler", "kubectl get hpa --all-namespaces"},
		{"it is mistyped", autoscalerFacts{name: "offers", err: apiError(http.StatusNotFound), others: []string{"ofers"}}, Failed, "no such", "did you mean hpa/ofers?"},
		{"none is there", autoscalerFacts{}, Failed, "no autoscaler", "--namespace"},
		{"several are there", autoscalerFacts{others: []string{"a", "b"}}, Failed, "several", "hpa/a, hpa/b"},
		{"it may not be seen", autoscalerFacts{name: "offers", err: apiError(http.StatusForbidden)}, Skipped, "not allowed", `verbs: ["get"]`},
		{"they may not be listed", autoscalerFacts{err: apiError(http.StatusForbidden)}, Skipped, "not allowed", `verbs: ["list"]`},
		{"nobody knows us", autoscalerFacts{name: "offers", err: apiError(http.StatusUnauthorized)}, Failed, "does not know", "sign in"},
		{"nobody answers", autoscalerFacts{name: "offers", err: errors.New("connection refused")}, Failed, "connection refused", "/readyz"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.f.namespace = "shop"
			expect(t, judgeAutoscaler(&tt.f), tt.want, tt.says, tt.cure)
		})
	}
}

func TestJudgeMetric(t *testing.T) {
	const short = "pubsub_subscription_num_undelivered_messages"
	tests := []struct {
		name       string
		answered   bool
		want       Verdict
		says, cure string
	}{
		{adapterName, false, OK, "it is num_undelivered_messages of Pub/Sub, target AverageValue 40k", ""},
		{short, false, OK, "num_undelivered_messages", ""},
		{"pubsub_subscription_unacked_messages", true, OK, "unacked_messages", ""},
		{"pubsub_subscription_num_undelivered_message", false, Failed, `Did you mean "` + short + `"?`, "correct"},
		{"pubsub.googleapis.com|subscription|ack_latencies", false, Failed, "distribution", "correct"},
		{"pubsubsubscription_num_undelivered_messages", false, Failed, "nobody answers", `did you mean "` + short + `"?`},
		{"queue_length", true, OK, "somebody answers", ""},
		{"queue_length", false, Failed, "not a metric of Pub/Sub", "--delegate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, judgeMetric(book(), asks(t, tt.name, "subscription_id=offers", tt.answered)), tt.want, tt.says, tt.cure)
		})
	}
}

func TestJudgeSelector(t *testing.T) {
	samples := map[string][]string{"region": {"europe-west1", "us-east1"}}
	tests := []struct {
		selector   string
		answered   bool
		want       Verdict
		says, cure string
	}{
		{"resource.labels.subscription_id=offers", true, OK, "projects/shop/subscriptions/offers", ""},
		{"subscription_id in (offers,orders),project_id=depot", false, OK, "projects/depot/subscriptions/offers, projects/depot/subscriptions/orders", ""},
		{"resource.labels.subscripton_id=offers", false, Failed, `"resource.labels.subscripton_id"`, "did you mean resource.labels.subscription_id?"},
		{"subscription_id=offers,projectid=shop", false, Failed, `"projectid"`, "did you mean project_id?"},
		{"subscription_id=offers,metric.labels.regoin=us-east1", false, Failed, `"metric.labels.regoin"`, "did you mean metric.labels.region?"},
		{"subscription_id=offers,job=exporter-of-backlogs", true, OK, "offers", ""},
		{"subscription_id=offers,job=exporter-of-backlogs", false, Failed, `"job"`, "take it out"},
		{"subscription_id=offers,region=us-east1", true, OK, "offers", ""},
		{"subscription_id=offers,region=asia-east1", true, OK, "offers", ""}, // answered from before a gap
		{"subscription_id=offers,region=us-est1", false, Failed, "region=us-est1", "did you mean us-east1?"},
		{"subscription_id=offers,region=asia", false, Failed, "region=asia", "use one of europe-west1, us-east1"},
		{"subscription_id=offers,resource.type=pubsub_subscripton", false, Failed, "resource.type", "did you mean pubsub_subscription?"},
		{"subscription_id=offers,project_id=1234", false, Failed, "is a number", "correct the selector"},
		{"", false, Failed, "names no subscription", "name the subscription"},
		{"", true, OK, "all of shop", ""},
	}
	for _, tt := range tests {
		t.Run(tt.selector, func(t *testing.T) {
			expect(t, judgeSelector(asks(t, adapterName, tt.selector, tt.answered), samples), tt.want, tt.says, tt.cure)
		})
	}
	expect(t, judgeSelector(&external{External: cluster.External{Name: adapterName, Err: errors.New("bad operator")}}, nil), Failed, "bad operator", "kubectl explain")
	expect(t, judgeSelector(asks(t, "pubsub_subscription_x", "subscription_id=offers", false), nil), Skipped, "not known", "")
}

func TestJudgeConditions(t *testing.T) {
	tests := []struct {
		condition  cluster.Condition
		want       Verdict
		says, cure string
	}{
		{cluster.Condition{Type: "AbleToScale", Status: "True", Reason: "SucceededRescale"}, OK, "can read and set", ""},
		{cluster.Condition{Type: "AbleToScale", Status: "False", Reason: "FailedGetScale", Message: "deployments \"x\"\nnot found"}, Failed, `deployments "x" not found`, "scaleTargetRef"},
		{cluster.Condition{Type: "AbleToScale", Status: "False", Reason: "FailedUpdateScale"}, Failed, "cannot set", "webhook"},
		{cluster.Condition{Type: "AbleToScale", Status: "False", Reason: "New"}, Failed, "cannot scale", "message"},
		{cluster.Condition{Type: "ScalingActive", Status: "True", Reason: "ValidMetricFound"}, OK, "acts on it", ""},
		{cluster.Condition{Type: "ScalingActive", Status: "False", Reason: "FailedGetExternalMetric", Message: "no matches"}, Failed, "External metric (FailedGetExternalMetric): no matches", "reading"},
		{cluster.Condition{Type: "ScalingActive", Status: "False", Reason: "ScalingDisabled"}, Failed, "0 replicas", "kubectl scale"},
		{cluster.Condition{Type: "ScalingActive", Status: "False", Reason: "AmbiguousSelector"}, Failed, "several autoscalers", "leave one"},
		{cluster.Condition{Type: "ScalingActive", Status: "False", Reason: "FailedGetResourceMetric"}, Failed, "CPU", "metrics-server"},
		{cluster.Condition{Type: "ScalingLimited", Status: "False", Reason: "DesiredWithinRange"}, OK, "holds it back", ""},
		{cluster.Condition{Type: "ScalingLimited", Status: "True", Reason: "TooFewReplicas"}, OK, "minimum", ""},
		{cluster.Condition{Type: "ScalingLimited", Status: "True", Reason: "TooManyReplicas"}, Warning, "maximum", "raise maxReplicas"},
		{cluster.Condition{Type: "ScalingLimited", Status: "True", Reason: "ScaleUpLimit"}, OK, "no faster", ""},
		{cluster.Condition{Type: "ScalingLimited", Status: "Unknown", Reason: "x"}, Warning, "not known", "message"},
		{cluster.Condition{Type: "ScaledToZero", Status: "True", Reason: "x"}, OK, "does not know", ""},
	}
	for _, tt := range tests {
		t.Run(tt.condition.Type+tt.condition.Reason, func(t *testing.T) {
			got := judgeConditions([]cluster.Condition{tt.condition})
			expect(t, got[0], tt.want, tt.says, tt.cure)
			if got[0].About != tt.condition.Type {
				t.Errorf("it is about %s", got[0].About)
			}
		})
	}
	expect(t, judgeConditions(nil)[0], Warning, "has not looked", "kube-controller-manager")
}

func TestJudgeReading(t *testing.T) {
	now := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	item := func(value float64, age time.Duration) cluster.Item {
		return cluster.Item{Value: value, At: now.Add(-age)}
	}
	tests := []struct {
		name       string
		f          readingFacts
		want       Verdict
		says, cure string
	}{
		{"the selector is bad", readingFacts{}, Skipped, "does not parse", ""},
		{"a sum", readingFacts{asked: true, items: []cluster.Item{item(40, time.Minute), item(2, 3*time.Minute)}}, OK, "reads 42, 3m0s old, against AverageValue 40", ""},
		{"an old one", readingFacts{asked: true, items: []cluster.Item{item(40, 5*time.Minute)}}, Warning, "later than normal", "samples"},
		{"none", readingFacts{asked: true}, Failed, "no value", "selector"},
		{"no such metric", readingFacts{asked: true, err: apiError(http.StatusNotFound)}, Failed, "no such metric", "metric, selector"},
		{"it may not be read", readingFacts{asked: true, err: apiError(http.StatusForbidden)}, Skipped, "not allowed", "external.metrics.k8s.io"},
		{"an error", readingFacts{asked: true, err: apiError(http.StatusServiceUnavailable)}, Failed, "keeps its replicas", "apiservice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.f.now, tt.f.freshFor, tt.f.namespace, tt.f.name = now, 4*time.Minute, "shop", adapterName
			expect(t, judgeReading(&tt.f, "AverageValue 40"), tt.want, tt.says, tt.cure)
		})
	}
}

func TestJudgeAPIService(t *testing.T) {
	ours := []cluster.Service{{Namespace: "spillway", Name: "backlog"}}
	service := func(namespace, name string) cluster.APIService {
		return cluster.APIService{Namespace: namespace, Name: name, Available: true, Reason: "Passed"}
	}
	lost := func(reason string) cluster.APIService {
		return cluster.APIService{Namespace: "spillway", Name: "backlog", Reason: reason, Message: "it says"}
	}
	open := service("spillway", "backlog")
	open.Unverified = true
	tests := []struct {
		name       string
		f          serviceFacts
		answered   bool
		want       Verdict
		says, cure string
	}{
		{"ours", serviceFacts{service: service("spillway", "backlog"), exporters: ours}, false, OK, "backlog-exporter (spillway/backlog)", ""},
		{"ours by its name", serviceFacts{service: service("x", "backlog-exporter-external")}, false, OK, "backlog-exporter", ""},
		{"another, which answers", serviceFacts{service: service("monitoring", "prometheus-adapter")}, true, OK, "the Prometheus adapter (monitoring/prometheus-adapter)", ""},
		{"another, which does not", serviceFacts{service: service("custom-metrics", "custom-metrics-stackdriver-adapter"), exporters: ours}, false, Failed, "the Stackdriver adapter", "--delegate"},
		{"KEDA", serviceFacts{service: service("keda", "keda-operator-metrics-apiserver")}, false, Failed, "KEDA", "--keda-scaler"},
		{"an unknown one", serviceFacts{service: service("a", "b")}, false, Failed, "another adapter (a/b)", "point its spec.service"},
		{"not verified", serviceFacts{service: open, exporters: ours}, true, Warning, "insecureSkipTLSVerify", "caBundle"},
		{"no endpoints", serviceFacts{service: lost("MissingEndpoints"), exporters: ours}, false, Failed, "unavailable (MissingEndpoints): it says", "no pod"},
		{"no Service", serviceFacts{service: lost("ServiceNotFound")}, false, Failed, "unavailable", "does not exist"},
		{"no port", serviceFacts{service: lost("ServicePortError")}, false, Failed, "unavailable", "spec.service.port"},
		{"no discovery", serviceFacts{service: lost("FailedDiscoveryCheck")}, false, Failed, "unavailable", "caBundle"},
		{"another reason", serviceFacts{service: lost("Other")}, false, Failed, "unavailable", "look at"},
		{"not looked at yet", serviceFacts{service: lost("")}, false, Failed, "not said yet", "few seconds"},
		{"none", serviceFacts{err: apiError(http.StatusNotFound)}, false, Failed, "has no APIService", "install an adapter"},
		{"it may not be seen", serviceFacts{err: apiError(http.StatusForbidden)}, false, Skipped, "not allowed", "a ClusterRole"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { expect(t, judgeAPIService(&tt.f, tt.answered), tt.want, tt.says, tt.cure) })
	}
}

// TestWhatMonitoringHasOfAMetric: what the exporter makes itself, it makes of the backlog.
func TestWhatMonitoringHasOfAMetric(t *testing.T) {
	for _, d := range backlog.Answerable() {
		want := d.Metric
		if d.Metric == backlog.Backlog || d.Metric.Estimated() {
			want = backlog.NumUndeliveredMessages
		}
		if got := monitored(d).Metric; got != want {
			t.Errorf("%s is looked up as %s", d.Metric, got)
		}
	}
}
