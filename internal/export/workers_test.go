package export

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"spillway/internal/backlog"
	"spillway/internal/fleet"
	"spillway/internal/kube"
)

// lively is a worker that delivers 100 messages a second, as its page says.
type lively struct {
	*httptest.Server
	mu    sync.Mutex
	m     member
	began time.Time
}

func newLively(t *testing.T, subs ...backlog.Subscription) *lively {
	t.Helper()
	w := &lively{m: member{subs: subs}, began: time.Now()}
	w.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		now := time.Now()
		w.m.acked = 100 * now.Sub(w.began).Seconds()
		w.m.first, w.m.inFlight, w.m.frontier = w.m.acked, 10, now
		_, _ = out.Write([]byte(w.m.page(now)))
	}))
	t.Cleanup(w.Close)
	return w
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWorkersThatFlagsName are scraped, watched, estimated and explained; a file of them is followed.
func TestWorkersThatFlagsName(t *testing.T) {
	one, two := newLively(t, offers), newLively(t, orders)
	file := filepath.Join(t.TempDir(), "workers.yaml")
	put(t, file, "[]")
	w := newWorld(t, "--worker=projects/shop/subscriptions/offers="+one.URL, "--workers-file="+file, "--project=shop")
	w.eventually("/metrics", http.StatusOK, `spillway_fleet_pods_scraped{project_id="shop",subscription_id="offers"} 1`,
		`pubsub_subscription_desired_replicas_sample_state{project_id="shop",state="fresh",subscription_id="offers"} 1`,
		`pubsub_subscription_pod_capacity{project_id="shop",subscription_id="offers"} `, "spillway_fleet_workers 1")
	w.eventually("/", http.StatusOK, "/explain?subscription=NAME", "--worker")
	w.eventually("/explain?subscription=offers", http.StatusOK, "projects/shop/subscriptions/offers, by the exporter's flags.",
		"1 of 1 ready pods were scraped", "Time is compressed", "- pubsub_subscription_desired_replicas ")
	w.eventually("/explain?subscription=projects/shop/subscriptions/offers&autoscaler=web/offers", http.StatusNotFound, `for autoscaler "web/offers"`)
	w.eventually("/explain?subscription=ofers", http.StatusNotFound, `Nobody estimates "ofers"; did you mean "offers"?`, "Known are projects/shop/subscriptions/offers.")
	w.eventually("/explain", http.StatusBadRequest, "Give ?subscription=NAME", "Known are projects/shop/subscriptions/offers.")

	put(t, file, "- targets: ['"+strings.TrimPrefix(two.URL, "http://")+"']\n  labels: {subscription: orders}\n")
	w.eventually("/metrics", http.StatusOK, `spillway_fleet_pods_scraped{project_id="shop",subscription_id="orders"} 1`, "spillway_fleet_workers 2")
	w.eventually("/", http.StatusOK, "--workers-file")
	put(t, file, "[]")
	w.eventually("/metrics", http.StatusOK, "spillway_fleet_workers 1")
	w.eventually("/explain?subscription=orders", http.StatusNotFound, `Nobody estimates "orders"`)
}

func TestExplanationsForPrograms(t *testing.T) {
	l := newLab(t, 4)
	l.pass(2*time.Minute, 150, time.Second)
	ask := func(target, accept string) (int, string, string) {
		rec := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
		req.Header.Set("Accept", accept)
		explain(l.e.current).ServeHTTP(rec, req)
		return rec.Code, rec.Header().Get("Content-Type"), rec.Body.String()
	}
	for _, how := range [][2]string{{"/explain?subscription=offers&format=json", ""}, {"/explain?subscription=offers", "application/json, text/plain"}} {
		code, kind, body := ask(how[0], how[1])
		var answer struct {
			Explanations []explainedFlow `json:"explanations"`
			Error        string          `json:"error"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusOK || kind != "application/json" || len(answer.Explanations) != 1 {
			t.Fatalf("%d %s: %v\n%s", code, kind, err, body)
		}
		one := answer.Explanations[0]
		if one.Subscription != offers.String() || one.Inputs.Scraped != 4 || *one.Inputs.Replicas != 4 || one.Arithmetic.Capacity != 200 || one.Settings.Drain != 60 ||
			*one.Results["desired_replicas"].Value != 3.15 || one.Results["desired_replicas"].State != "fresh" || !slices.Contains(one.Text, "Desired replicas: 3.15.") {
			t.Errorf("%+v", one)
		}
	}
	code, _, body := ask("/explain?subscription=stock&format=json", "")
	if code != http.StatusNotFound || !strings.Contains(body, `"error": "Nobody estimates \"stock\".`) || !strings.Contains(body, `"explanations": []`) {
		t.Errorf("%d %s", code, body)
	}
	if code, _, body := ask("/explain?subscription=orders", "text/html,*/*"); code != http.StatusNotFound || !strings.Contains(body, "No estimate: nobody is known to work on") {
		t.Errorf("%d %s", code, body)
	}
}

// TestAWorkersFileThatIsWrong is told once, and changes nothing.
func TestAWorkersFileThatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "workers")
	put(t, path, "- targets: ['a:1']\n  labels: {subscription: projects/shop/subscriptions/offers}\n")
	core, logs := observer.New(zapcore.InfoLevel)
	o := parse(t, "--workers-file="+path, "--worker=projects/shop/subscriptions/offers=b:2")
	wants := NewWants()
	n := o.namedWorkers(wants, zap.New(core))
	expect := func(what string, workers int) {
		t.Helper()
		teams := n.teams()
		if len(teams) != 1 || len(teams[0].workers) != workers || teams[0].replicas != workers || teams[0].subs[0] != offers {
			t.Fatalf("%s: %+v", what, teams)
		}
	}
	expect("at first", 2)
	put(t, path, "nonsense")
	expect("wrong", 2)
	expect("still wrong", 2)
	if told := logs.FilterMessageSnippet("stay as they are").Len(); told != 1 {
		t.Errorf("told %d times", told)
	}
	put(t, path, "[]")
	expect("right again", 1)
	if told := logs.FilterMessageSnippet("works again").Len(); told != 1 {
		t.Errorf("told %d times", told)
	}
	if by := wants.all()["shop"]["offers"].by; !cmp.Equal(by, []string{"--worker"}) {
		t.Errorf("asked for by %v", by)
	}
}

func TestWorkersThatAutoscalersScale(t *testing.T) {
	started := noon.Add(-time.Hour)
	targets := []kube.Target{{
		Autoscaler: kube.Autoscaler{Namespace: "web", Name: "offers"}, Subscriptions: []backlog.Subscription{offers, orders}, Current: 3,
		Window: time.Minute, Settings: map[string]string{"headroom": "2"},
		Pods: []kube.Pod{
			{Name: "a", UID: "1", Address: "10.0.0.1", Ports: map[string]int32{"http": 8080}, Ready: true, Started: started},
			{Name: "b", UID: "2", Address: "10.0.0.2", Ports: map[string]int32{"web": 80}, Ready: true},
			{Name: "c", UID: "3", Address: "10.0.0.3", Ports: map[string]int32{"http": 8080}, ScrapePort: "9000", ScrapePath: "/stats", Terminating: true},
		},
	}, {
		Autoscaler: kube.Autoscaler{Namespace: "web", Name: "orders"}, Subscriptions: []backlog.Subscription{orders},
		Pods: []kube.Pod{{Name: "d", UID: "4", Address: "10.0.0.4", Ports: map[string]int32{"metrics": 1}}, {Name: "e", UID: "5", Terminating: true, ScrapePort: "1"}},
	}}
	core, logs := observer.New(zapcore.WarnLevel)
	o := parse(t, "--kube")
	s := o.scaledWorkers(func() []kube.Target { return targets }, zap.New(core))
	s.teams()
	teams := s.teams()
	want := []team{
		{
			namespace: "web", autoscaler: "offers", subs: []backlog.Subscription{offers, orders}, replicas: 3, window: time.Minute, annotations: map[string]string{"headroom": "2"},
			workers: []fleet.Target{
				{ID: "web/a/1", URL: "http://10.0.0.1:8080/metrics", Subscriptions: []backlog.Subscription{offers, orders}, Ready: true, Started: started},
				{ID: "web/b/2", Subscriptions: []backlog.Subscription{offers, orders}, Ready: true},
				{ID: "web/c/3", URL: "http://10.0.0.3:9000/stats", Subscriptions: []backlog.Subscription{offers, orders}, Terminating: true},
			},
		},
		{
			namespace: "web", autoscaler: "orders", subs: []backlog.Subscription{orders}, replicas: 1,
			workers: []fleet.Target{
				{ID: "web/d/4", URL: "http://10.0.0.4:1/metrics", Subscriptions: []backlog.Subscription{orders}},
				{ID: "web/e/5", URL: "http://:1/metrics", Subscriptions: []backlog.Subscription{orders}, Terminating: true},
			},
		},
	}
	if diff := cmp.Diff(want, teams, cmp.AllowUnexported(team{})); diff != "" {
		t.Error(diff)
	}
	if logs.Len() != 1 || !strings.Contains(logs.All()[0].ContextMap()["error"].(string), "no port named metrics or http") {
		t.Errorf("told %v", logs.All())
	}
	crew := assemble(teams, []backlog.Subscription{stock})
	got := map[backlog.Subscription]int{}
	for _, s := range crew.staffs {
		got[s.sub] = s.replicas
	}
	if diff := cmp.Diff(map[backlog.Subscription]int{offers: 3, orders: 4, stock: -1}, got); diff != "" {
		t.Errorf("replicas: %s", diff)
	}
	if len(crew.targets) != 5 || len(crew.staffs[2].own) != 1 {
		t.Errorf("%+v", crew)
	}
	named := parse(t, "--kube", "--worker-port=web")
	if at := named.scaledWorkers(func() []kube.Target { return targets[:1] }, zap.NewNop()).teams()[0].workers[1].URL; at != "http://10.0.0.2:80/metrics" {
		t.Errorf("the port that --worker-port names: %s", at)
	}
}

// TestGuardsOverTheWire: the whole exporter beside the emulator, with workers that fall silent one after the other, and Monitoring with them.
func TestGuardsOverTheWire(t *testing.T) {
	t.Parallel()
	var workers []*lively
	var flags []string
	for range 3 {
		w := newLively(t, offers)
		workers = append(workers, w)
		flags = append(flags, "--worker=projects/shop/subscriptions/offers="+w.URL)
	}
	w := newWorld(t, flags...)
	w.publish(7)
	const desired = "pubsub_subscription_desired_replicas"
	w.eventually("/explain?subscription=offers", http.StatusOK, "3 of 3 ready pods were scraped", "One pod settles ")

	workers[0].Close()
	w.eventually("/explain?subscription=offers", http.StatusOK, "2 of 3 ready pods were scraped (counts times 1.50)")
	workers[1].Close()
	w.eventually("/explain?subscription=offers", http.StatusOK, "Only 1 of 3 ready pods were scraped, less than half: Monitoring alone counts")
	w.eventually("/metrics", http.StatusOK, `spillway_fleet_pods_expected{project_id="shop",subscription_id="offers"} 3`,
		`spillway_fleet_pods_scraped{project_id="shop",subscription_id="offers"} 1`, `spillway_fleet_scrape_failures_total{reason="connection"} `)
	workers[2].Close()
	w.eventually("/explain?subscription=offers", http.StatusOK, "No worker could be scraped (3 pods ready): Monitoring alone counts", "pubsub_subscription_backlog_messages 7,")

	w.fault("gap")
	w.eventually("/metrics", http.StatusOK, desired+`_sample_state{project_id="shop",state="absent",subscription_id="offers"} 1`)
	if _, body := w.get("/metrics"); strings.Contains(body, desired+"{") {
		t.Error("a value is served of which nothing is known")
	}
	w.eventually("/explain?subscription=offers", http.StatusOK, "so nothing is said: the autoscaler keeps the replicas", desired+" is absent: ")
	w.fault()
	w.eventually("/explain?subscription=offers", http.StatusOK, "After a gap or a start nothing goes down", "Desired replicas: ")
}
