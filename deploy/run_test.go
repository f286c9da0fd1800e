package deploy_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"
	corev1 "k8s.io/api/core/v1"

	"spillway/internal/backlog"
	"spillway/internal/consume"
	"spillway/internal/emulator"
	"spillway/internal/emulator/monitoring"
	"spillway/internal/export"
)

// program is a worker, an exporter or an emulator.
type program interface {
	Addr() string
	Run(context.Context) error
}

// The containers' arguments make programs that answer where the probes and Prometheus ask, and serve what the autoscalers are
// about. Only addresses are this machine's.
func TestTheShippedContainersRun(t *testing.T) {
	files := tree(t)
	choose(t, files, "generic", "flow", "handler-work")
	all := objects(t, files, "generic")
	cloud := start(t, func() (program, error) {
		o := emulator.DefaultOptions()
		o.Listen, o.Project, o.Create = "127.0.0.1:0", "shop", []string{"offers:offers"}
		o.SamplePeriod, o.VisibilityDelay = 100*time.Millisecond, monitoring.NoDelay
		return emulator.New(o, zaptest.NewLogger(t))
	})
	t.Setenv("PUBSUB_EMULATOR_HOST", cloud)

	worker := all.deployment(t, "worker").Spec.Template.Spec.Containers[0]
	probed(t, worker, start(t, func() (program, error) {
		o := consume.DefaultOptions()
		if err := parse(local(worker.Args), o.RegisterFlags, o.Validate); err != nil {
			return nil, err
		}
		return consume.New(t.Context(), o, zaptest.NewLogger(t))
	}), "http_requests_total{", "pubsub_worker_saturation_ratio{")

	exporter := all.deployment(t, "backlog-exporter").Spec.Template.Spec.Containers[0]
	probed(t, exporter, start(t, func() (program, error) {
		o := export.DefaultOptions()
		args := append(local(exporter.Args), "--monitoring-endpoint="+cloud, "--poll-interval=200ms")
		if err := parse(args, o.RegisterFlags, o.Validate); err != nil {
			return nil, err
		}
		return export.New(o, zaptest.NewLogger(t))
	}), backlog.NumUndeliveredMessages.Stackdriver()+`{project_id="shop",subscription_id="offers",unit="1"}`,
		backlog.NumUndeliveredMessages.Short()+`{project_id="shop",subscription_id="offers"}`)
}

// local is the arguments with the placeholders filled in and a free port of loopback.
func local(args []string) []string {
	out := filled(args)
	for i, a := range out {
		if strings.HasPrefix(a, "--listen=") {
			out[i] = "--listen=127.0.0.1:0"
		}
	}
	return out
}

// start runs a program until the test ends, and returns its address.
func start(t *testing.T, create func() (program, error)) string {
	t.Helper()
	p, err := create()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := goRun(ctx, p)
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("%T: %v", p, err)
		}
	})
	return p.Addr()
}

func goRun(ctx context.Context, p program) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return ended
}

// probed waits until the container's probes succeed and its metrics have all series.
func probed(t *testing.T, c corev1.Container, address string, series ...string) {
	t.Helper()
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe} {
		eventually(t, "http://"+address+probe.HTTPGet.Path)
	}
	eventually(t, "http://"+address+"/metrics", series...)
}

// eventually waits for a 200 with all of these in it.
func eventually(t *testing.T, url string, parts ...string) {
	t.Helper()
	var last string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		status, body := get(t, url)
		missing := ""
		for _, part := range parts {
			if !strings.Contains(body, part) {
				missing += " " + part
			}
		}
		if status == http.StatusOK && missing == "" {
			return
		}
		last = http.StatusText(status) + ", without" + missing
		<-time.After(50 * time.Millisecond)
	}
	t.Errorf("%s: %s", url, last)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
