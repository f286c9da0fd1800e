package tune_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"

	"spillway/internal/config"
	"spillway/internal/testenv"
	"spillway/internal/tune"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// given are options that need nothing from outside: a CSV of half an hour at 300/s with a step to 1,500/s for ten minutes.
func given(t *testing.T) tune.Options {
	t.Helper()
	o := tune.DefaultOptions()
	o.Capacity, o.StartUp, o.Seeds = 200, 30*time.Second, 1
	o.Trace = file(t, "arrivals.csv", "seconds,rate\n0,300\n900,1500\n1500,300\n1800,300\n")
	return o
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// hpa is an autoscaler on raw backlog.
func hpa(t *testing.T, target string) string {
	t.Helper()
	return file(t, "hpa.yaml", `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: offers, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: offers}
  minReplicas: 2
  maxReplicas: 20
  metrics:
  - type: External
    external:
      metric:
        name: pubsub.googleapis.com|subscription|num_undelivered_messages
        selector: {matchLabels: {resource.labels.subscription_id: offers, resource.labels.project_id: shop}}
      target: {type: AverageValue, averageValue: "`+target+`"}
`)
}

func run(t *testing.T, o tune.Options) string {
	t.Helper()
	var out bytes.Buffer
	app, err := tune.New(o, &out, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheAnswer(t *testing.T) {
	o := given(t)
	o.HPA = hpa(t, "40k")
	testenv.Golden(t, "testdata/answer.golden", []byte(run(t, o)))
}

// full is a disk with no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestAnAnswerThatCannotBePrintedIsAnError(t *testing.T) {
	app, err := tune.New(given(t), full{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Run(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
}

func TestAnUnstableTargetIsRefused(t *testing.T) {
	o := given(t)
	o.HPA = hpa(t, "6k")
	got := run(t, o)
	for _, want := range []string{"k tau  mu / target * dead time = 200 / 6,000 * 248 s = 8.25: unstable", "Your target of 6,000 is refused", "The least stable one is 31,513."} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "best raw backlog: 6,000") {
		t.Errorf("an unstable target is given as the best:\n%s", got)
	}
}

func TestAPeakThatNoBoundAllows(t *testing.T) {
	o := given(t)
	o.Max = 4
	if got := run(t, o); !strings.Contains(got, "The peak needs 8 pods and there may be 4: no autoscaler keeps up with it. --max 8 would do.") {
		t.Errorf("it is not said:\n%s", got)
	}
}

func TestTheAutoscalerOfTheAnswerDecodesStrictly(t *testing.T) {
	o := given(t)
	o.HPA, o.Write = hpa(t, "40k"), filepath.Join(t.TempDir(), "new.yaml")
	run(t, o)
	content, err := os.ReadFile(o.Write)
	if err != nil {
		t.Fatal(err)
	}
	var object autoscalingv2.HorizontalPodAutoscaler
	if err := yaml.UnmarshalStrict(content, &object); err != nil {
		t.Fatal(err)
	}
	external := object.Spec.Metrics[0].External
	if object.Name != "offers" || object.Namespace != "shop" || external.Metric.Name != "pubsub_subscription_desired_replicas" ||
		external.Target.AverageValue.String() != "1" || external.Metric.Selector.MatchLabels["subscription_id"] != "offers" {
		t.Errorf("%+v", object)
	}
}

func TestTheReportHasEverythingInItself(t *testing.T) {
	o := given(t)
	o.HPA, o.Report = hpa(t, "40k"), filepath.Join(t.TempDir(), "report.html")
	run(t, o)
	page, err := os.ReadFile(o.Report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "Arrivals", "Backlog", "Replicas", "Oldest waiting message", "prefers-color-scheme: dark", "yours: backlog, 40,000 a pod", "kind: HorizontalPodAutoscaler"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("no %q in it", want)
		}
	}
	for _, outside := range []string{"http:", "https:", "src=", "@import", "url(", "<script"} {
		if bytes.Contains(page, []byte(outside)) {
			t.Errorf("it has %q", outside)
		}
	}
	if got := bytes.Count(page, []byte("<svg viewBox=\"0 0 860")); got != 4 {
		t.Errorf("%d plots, want 4", got)
	}
}

func TestAQueryIsAskedOfPrometheus(t *testing.T) {
	var form atomic.Value
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.URL.Path != "/api/v1/query_range" {
			t.Errorf("%s, %v", r.URL, err)
		}
		form.Store(r.PostForm)
		values := [][2]any{}
		for at := range 120 {
			values = append(values, [2]any{1.7e9 + float64(at)*15, "250"})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": []any{map[string]any{"values": values}}}})
	}))
	defer api.Close()
	o := given(t)
	o.Trace, o.Prometheus, o.Query, o.Last, o.Until = "", api.URL+"/", "sum(rate(x[1m]))", 30*time.Minute, "2026-11-27T12:00:00Z"
	if got := run(t, o); !strings.Contains(got, "sum(rate(x[1m])): 450,000 messages in 30 min, at most 250/s for a minute.") {
		t.Errorf("it played:\n%s", got)
	}
	asked := fmt.Sprint(form.Load())
	if want := "map[end:[1795780800] query:[sum(rate(x[1m]))] start:[1795779000] step:[15]]"; asked != want {
		t.Errorf("it asked %s, want %s", asked, want)
	}
}

func TestPrometheusFaultsAreTold(t *testing.T) {
	tests := []struct{ name, kind, body, want string }{
		{"an error of the query", "application/json", `{"status":"error","errorType":"bad_data","error":"parse error at 3"}`, "parse error at 3"},
		{"another server", "text/html", `<html>`, "not Prometheus' JSON"},
		{"no series", "application/json", `{"status":"success","data":{"resultType":"matrix","result":[]}}`, "no series"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer api.Close()
			o := given(t)
			o.Trace, o.Prometheus, o.Query = "", api.URL, "x"
			app, err := tune.New(o, &bytes.Buffer{}, &bytes.Buffer{})
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Run(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one about %q", err, tt.want)
			}
		})
	}
}

// worker serves a worker's series: 10 slots, and each scrape acks 50 messages that took 50 ms.
func worker(t *testing.T, acks float64) *httptest.Server {
	t.Helper()
	var scrapes atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		n := float64(scrapes.Add(1)) * acks
		for _, series := range []string{"messages_in_flight 3", "concurrency_limit 10", "stream_connected 1"} {
			name, value, _ := strings.Cut(series, " ")
			fmt.Fprintf(w, "pubsub_worker_%s{subscription=\"offers\"} %s\n", name, value)
		}
		fmt.Fprintf(w, "pubsub_worker_messages_settled_total{subscription=\"offers\",result=\"ack\",reason=\"ok\"} %f\n", n)
		fmt.Fprintf(w, "# TYPE pubsub_worker_handler_duration_seconds histogram\npubsub_worker_handler_duration_seconds_sum{subscription=\"offers\",result=\"ack\"} %f\n", n*0.05)
		fmt.Fprintf(w, "pubsub_worker_handler_duration_seconds_count{subscription=\"offers\",result=\"ack\"} %f\n", n)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestCapacityIsMeasuredOfARunningWorker(t *testing.T) {
	o := given(t)
	o.Capacity, o.Worker, o.MeasureFor = 0, worker(t, 50).URL, 2*time.Second
	if got := run(t, o); !strings.Contains(got, "A pod settles 200/s (measured, by slots)") {
		t.Errorf("10 slots of 50 ms are 200/s, it played:\n%s", got)
	}
}

func TestAWorkerThatCannotBeMeasured(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	idle, none := worker(t, 0), httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up 1") }))
	defer none.Close()
	tests := []struct{ name, url, subscription, want string }{
		{"it is idle", idle.URL, "", "acked nothing while it was watched"},
		{"it is no worker", none.URL, "", "has no pubsub_worker_ series"},
		{"it has no such flow", idle.URL, "audit", `no flow of the subscription "audit", but: offers`},
		{"it has no such page", idle.URL + "/page", "", "404"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := given(t)
			o.Capacity, o.Worker, o.Subscription, o.MeasureFor = 0, tt.url, tt.subscription, 2*time.Second
			app, err := tune.New(o, &bytes.Buffer{}, &bytes.Buffer{})
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Run(ctx); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one about %q", err, tt.want)
			}
		})
	}
}

func TestValidateTellsEverythingAtOnce(t *testing.T) {
	o := tune.DefaultOptions()
	o.Synthetic, o.Worker, o.Capacity, o.Until, o.Context, o.SLO, o.Min, o.Max, o.FullCPU, o.Seeds, o.HPA = "spik", "ftp://x", 1, "noon", "c", 0, 5, 3, 2, 0, "/none"
	err := o.Validate()
	for _, want := range []string{
		`--synthetic "spik": is not a trace; did you mean spike?`, `--worker "ftp://x": excludes --capacity`, `--worker "ftp://x": is not the URL of a worker`,
		`--until "noon"`, `--context "c": has no meaning without --name`, `--slo "0s"`, `--max "3": is below --min 5`, `--cpu-at-capacity "2"`, `--seeds "0"`,
		`--hpa "/none": is not a file that can be read`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
	if n := len(config.List(err)); n != 10 {
		t.Errorf("%d faults, want 10:\n%v", n, err)
	}
}

func TestWrongFilesAreTheUsersFault(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*tune.Options)
		want   string
	}{
		{"a trace", func(o *tune.Options) { o.Trace = file(t, "x.csv", "a\n") }, "--trace"},
		{"an answer", func(o *tune.Options) { o.Trace, o.Prometheus = "", file(t, "x.json", "{}") }, "--prometheus"},
		{"an autoscaler", func(o *tune.Options) { o.HPA = file(t, "x.yaml", "kind: Service\n") }, "--hpa"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := given(t)
			tt.change(&o)
			app, err := tune.New(o, &bytes.Buffer{}, &bytes.Buffer{})
			if err != nil {
				t.Fatal(err)
			}
			err = app.Run(t.Context())
			if fault, ok := errors.AsType[*config.Error](err); !ok || fault.Key != tt.want {
				t.Errorf("error %v, want one of %s", err, tt.want)
			}
		})
	}
}

func TestWhatIsMissingIsAskedFor(t *testing.T) {
	o := tune.DefaultOptions()
	var out bytes.Buffer
	if err := o.Ask(strings.NewReader("many\n-1\n200\nx\n45\nblackfriday\n"), &out); err != nil {
		t.Fatal(err)
	}
	if o.Capacity != 200 || o.StartUp != 45*time.Second || o.Synthetic != "blackfriday" {
		t.Errorf("%+v", o)
	}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	if got := strings.Count(out.String(), "Messages a second that one busy pod settles"); got != 3 {
		t.Errorf("the question was asked %d times, want 3:\n%s", got, out.String())
	}
	o = tune.DefaultOptions()
	if err := o.Ask(strings.NewReader("http://127.0.0.1:8080\n\n\n"), &out); err != nil || o.Worker != "http://127.0.0.1:8080" || o.StartUp != 30*time.Second || o.Synthetic != "normal_day" {
		t.Errorf("%+v, %v", o, err)
	}
	o = tune.DefaultOptions()
	if err := o.Ask(strings.NewReader(""), &out); err == nil {
		t.Error("a closed terminal is taken for an answer")
	}
}

func TestLaws(t *testing.T) {
	l := tune.Laws{Capacity: 200, Delay: 60, StartUp: 30, SLO: 60}
	for _, tt := range []struct {
		target, wait, gain float64
		verdict            string
	}{
		{40000, 200, 0.64, "overshoots"}, {12000, 60, 2.13, "unstable"}, {6000, 30, 4.25, "unstable"}, {70000, 350, 0.36, "stable"},
	} {
		if w, k, v := l.Wait(tt.target), l.Gain(tt.target), l.Verdict(tt.target); w != tt.wait || k < tt.gain-0.005 || k > tt.gain+0.005 || v != tt.verdict {
			t.Errorf("%.0f: wait %.0f, k tau %.3f, %s; want %+v", tt.target, w, k, v, tt)
		}
	}
	if w := l.WaitAt(40000, 20); w != 190 {
		t.Errorf("20 pods hold %.0f s, want 190", w)
	}
	if m := l.LeastMonotone(); m < 69200 || m > 69400 {
		t.Errorf("the least target that does not overshoot is %.0f, want 69,300", m)
	}
}
