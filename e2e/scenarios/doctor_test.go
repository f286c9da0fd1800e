package scenarios

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"spillway/e2e/overlays"
	"spillway/e2e/programs"
)

// finding is a line of doctor's report in JSON.
type finding struct {
	Link    string `json:"link"`
	About   string `json:"about"`
	Verdict string `json:"verdict"`
	Message string `json:"message"`
	Cure    string `json:"cure"`
}

// examination is doctor's report.
type examination struct {
	Verdict string    `json:"verdict"`
	Links   []finding `json:"links"`
}

// doctor runs the program as a person outside the cluster does.
func (s *stage) doctor(ctx context.Context, program string) (examination, error) {
	var report examination
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "doctor", "hpa/worker", "--namespace="+namespace, "--kubeconfig="+s.cluster.Kubeconfig(),
		"--project="+overlays.Project, "--monitoring-endpoint="+emulatorAddress, "--fresh-for="+s.wall(4*time.Minute).String(), "--output=json")
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return report, err
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		return report, fmt.Errorf("doctor said %q, %q: %w", out.String(), errs.String(), err)
	}
	if healthy := report.Verdict == "ok"; healthy != (err == nil) {
		return report, fmt.Errorf("doctor says %s and exits with %d", report.Verdict, cmd.ProcessState.ExitCode())
	}
	return report, nil
}

// mistake is one thing done wrong, and the line that must name it.
type mistake struct {
	name        string
	plant, undo func(*stage)
	link        string
	says        string // in the line's about, message or cure
}

func TestDoctor(t *testing.T) {
	program, err := programs.Own("spillway")
	if err != nil {
		t.Fatal(err)
	}
	s := raise(t, overlays.Stackdriver(), handling, overlays.Subscription)
	section := s.section(8, "doctor", "spillway doctor finds what is wrong",
		"deploy/gke-external-metrics, in which all is well; one mistake after the other is planted, doctor is run, and the mistake is undone.")
	s.prometheus("")
	s.delegate()
	s.apply(s.folder)
	s.ready(namespace, "backlog-exporter", 1)
	s.ready(namespace, "worker", 2)
	s.scalable("worker")
	s.well(program)
	found := 0
	all := mistakes()
	for _, m := range all {
		m.plant(s)
		line, err := s.finds(program, m)
		m.undo(s)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			note(section, "planted: %s; not found", m.name)
		} else {
			found++
			note(section, "planted: %s; found: %s: %s -> %s", m.name, strings.TrimSpace(line.Link+" "+line.About), line.Message, line.Cure)
		}
		s.well(program)
	}
	result(t, section, "%d of %d planted mistakes found by name", found, len(all))
}

// well waits until doctor finds nothing wrong.
func (s *stage) well(program string) {
	s.t.Helper()
	s.until(patience+s.wall(10*time.Minute), func(ctx context.Context) error {
		report, err := s.doctor(ctx, program)
		if err != nil {
			return err
		}
		if report.Verdict != "ok" {
			return fmt.Errorf("doctor finds %s", wrong(report))
		}
		return nil
	})
}

func wrong(e examination) string {
	var lines []string
	for _, f := range e.Links {
		if f.Verdict == "failed" || f.Verdict == "warning" {
			lines = append(lines, fmt.Sprintf("%s %s %s: %s", f.Verdict, f.Link, f.About, f.Message))
		}
	}
	return strings.Join(lines, "; ")
}

// finds waits until doctor names the mistake. What it says before, while the cluster takes the mistake in, does not count.
func (s *stage) finds(program string, m mistake) (line finding, err error) {
	err = await(s.t.Context(), patience+s.wall(15*time.Minute), func(ctx context.Context) error {
		report, err := s.doctor(ctx, program)
		if err != nil {
			return err
		}
		for _, f := range report.Links {
			if f.Verdict == "failed" && f.Link == m.link && strings.Contains(strings.Join([]string{f.About, f.Message, f.Cure}, "\n"), m.says) {
				line = f
				return nil
			}
		}
		return fmt.Errorf("doctor finds only: %s", wrong(report))
	})
	return line, err
}

// mistakes are the ten. Each is undone by putting back what was there.
func mistakes() []mistake {
	const metric = "pubsub.googleapis.com|subscription|num_undelivered_messages"
	right := map[string]string{"resource.labels.subscription_id": overlays.Subscription}
	scalesOn := func(name string, labels map[string]string) func(*stage) {
		return func(s *stage) { s.scaleOn(name, labels) }
	}
	restore := scalesOn(metric, right)
	faults := func(pubsub, monitoring []string) func(*stage) {
		return func(s *stage) {
			if err := s.state.faults(s.t.Context(), pubsub, monitoring); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	noFaults := faults(nil, nil)
	return []mistake{
		{
			"wrong project", scalesOn(metric, map[string]string{"resource.labels.subscription_id": overlays.Subscription, "resource.labels.project_id": "shopp"}), restore,
			"project", "project shop has one",
		},
		{
			"mistyped subscription", scalesOn(metric, map[string]string{"resource.labels.subscription_id": "opera-sellingofer-v1"}), restore,
			"subscription", "did you mean " + overlays.Subscription,
		},
		{"missing subscriber role", faults([]string{"denied,method=StreamingPull"}, nil), noFaults, "permission", "roles/pubsub.subscriber"},
		{"missing monitoring role", faults(nil, []string{"denied"}), noFaults, "permission", "roles/monitoring.viewer"},
		{
			"APIService owned by another adapter", apiServiceOf("monitoring", "prometheus-adapter"), apiServiceOf(namespace, "backlog-exporter"),
			"apiservice", "monitoring/prometheus-adapter",
		},
		{"APIService unavailable", scaleExporter(0), scaleExporter(1), "apiservice", "unavailable"},
		{
			"selector label misspelt", scalesOn(metric, map[string]string{"resource.labels.subscripton_id": overlays.Subscription}), restore,
			"selector", "did you mean resource.labels.subscription_id?",
		},
		{"HPA on an unknown metric", scalesOn("pubsub.googleapis.com|subscription|num_undeliverd_messages", right), restore, "metric", metric},
		{"worker's metrics port wrong", metricsPort(`"9999"`), metricsPort("null"), "workers", "9999"},
		{"Monitoring without points", faults(nil, []string{"gap,after=-2h"}), noFaults, "samples", "no point"},
	}
}

// scaleOn changes what the autoscaler asks for.
func (s *stage) scaleOn(metric string, labels map[string]string) {
	s.t.Helper()
	external := map[string]any{
		"metric": map[string]any{"name": metric, "selector": map[string]any{"matchLabels": labels}},
		"target": map[string]any{"type": "AverageValue", "averageValue": "40000"},
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"metrics": []any{map[string]any{"type": "External", "external": external}}}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.kubectl("patch", "hpa", "worker", "--namespace="+namespace, "--type=merge", "--patch="+string(patch))
}

// apiServiceOf lets a Service answer the external metrics API.
func apiServiceOf(in, service string) func(*stage) {
	return func(s *stage) {
		patch := fmt.Sprintf(`{"spec": {"service": {"namespace": %q, "name": %q, "port": 443}}}`, in, service)
		if in == "monitoring" {
			patch = strings.Replace(patch, `{"spec": {`, `{"spec": {"insecureSkipTLSVerify": true, "caBundle": null, `, 1)
		}
		s.kubectl("patch", "apiservice", "v1beta1.external.metrics.k8s.io", "--type=merge", "--patch="+patch)
	}
}

func scaleExporter(replicas int) func(*stage) {
	return func(s *stage) {
		s.kubectl("scale", "deployment", "backlog-exporter", "--namespace="+namespace, fmt.Sprintf("--replicas=%d", replicas))
	}
}

// metricsPort changes the port at which the workers say that their metrics are; null takes the annotation away.
func metricsPort(port string) func(*stage) {
	return func(s *stage) {
		patch := fmt.Sprintf(`{"spec": {"template": {"metadata": {"annotations": {"prometheus.io/port": %s}}}}}`, port)
		s.kubectl("patch", "deployment", "worker", "--namespace="+namespace, "--type=merge", "--patch="+patch)
	}
}
