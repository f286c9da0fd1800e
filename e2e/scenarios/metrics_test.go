package scenarios

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/deploy"
)

//go:embed testdata
var testdata embed.FS

// prometheusConfig scrapes what the shipped ServiceMonitors choose, which need an operator: the workers' port http and the
// exporter's port metrics, beside the workers backlog. INTERVAL, DISCOVERY and EXTRA are filled in.
const prometheusConfig = `
global: {scrape_interval: INTERVAL, evaluation_interval: INTERVAL}
scrape_configs:
- job_name: worker
  http_sd_configs: [{url: DISCOVERY, refresh_interval: 1s, tls_config: {insecure_skip_verify: true}}]
  relabel_configs: &pods
  - {source_labels: [__meta_kubernetes_pod_container_port_name], action: keep, regex: http}
  - {source_labels: [__meta_kubernetes_pod_phase], action: keep, regex: Running}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
- job_name: backlog-exporter
  honor_labels: true
  http_sd_configs: [{url: DISCOVERY, refresh_interval: 1s, tls_config: {insecure_skip_verify: true}}]
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_container_port_name], action: keep, regex: metrics|backlog}
  - {source_labels: [__meta_kubernetes_pod_phase], action: keep, regex: Running}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
`

// prometheus runs Prometheus, which scrapes every 15 seconds of the story. extra are further jobs.
func (s *stage) prometheus(extra string) {
	s.t.Helper()
	config := strings.NewReplacer("INTERVAL", s.wall(15*time.Second).String(), "DISCOVERY", s.cluster.DiscoveryURL(), "&pods", "").Replace(prometheusConfig)
	if _, err := s.cluster.Prometheus(s.t.Context(), config+extra); err != nil {
		s.t.Fatal(err)
	}
}

// adapter applies the Prometheus adapter with the rules that are shipped for it, whose window of 2 minutes is divided by
// the factor, and further ones. It serves what the APIServices among the files say.
func (s *stage) adapter(moreRules string, files ...string) {
	s.t.Helper()
	rules, err := fs.ReadFile(deploy.Manifests(), "components/prometheus-adapter/config.yaml")
	if err != nil {
		s.t.Fatal(err)
	}
	config := strings.ReplaceAll(string(rules), "[2m]", "["+s.wall(2*time.Minute).String()+"]")
	config = strings.Replace(config, "externalRules:\n", "externalRules:\n"+moreRules, 1)
	name := filepath.Join(s.t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.kubectl("create", "configmap", "prometheus-adapter", "--namespace=monitoring", "--from-file="+name)
	for _, file := range append([]string{"prometheus-adapter.yaml"}, files...) {
		s.applyFile(file, "RELIST", s.wall(30*time.Second).String(), "MAXAGE", s.wall(5*time.Minute).String(), "PROMETHEUS", prometheusAddress)
	}
}

// applyFile applies a file of testdata with replacements.
func (s *stage) applyFile(file string, replacements ...string) {
	s.t.Helper()
	content, err := testdata.ReadFile("testdata/" + file)
	if err != nil {
		s.t.Fatal(err)
	}
	name := filepath.Join(s.t.TempDir(), file)
	if err := os.WriteFile(name, []byte(strings.NewReplacer(replacements...).Replace(string(content))), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.apply(name)
}

// ready waits until a Deployment has that many ready pods and no other.
func (s *stage) ready(in, deployment string, pods int32) {
	s.t.Helper()
	s.until(patience, func(ctx context.Context) error { return s.lacksReady(ctx, in, deployment, pods) })
}

func (s *stage) lacksReady(ctx context.Context, in, deployment string, pods int32) error {
	d, err := s.cluster.Client().AppsV1().Deployments(in).Get(ctx, deployment, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if d.Status.ObservedGeneration != d.Generation || d.Status.UpdatedReplicas != pods || d.Status.ReadyReplicas != pods || d.Status.Replicas != pods {
		return fmt.Errorf("%s has %d pods ready of %d, not %d", deployment, d.Status.ReadyReplicas, d.Status.Replicas, pods)
	}
	return nil
}

// scalable waits until the autoscaler's own condition says that it can read its metric.
func (s *stage) scalable(hpa string) {
	s.t.Helper()
	s.until(patience+s.wall(10*time.Minute), func(ctx context.Context) error {
		c, err := s.scalingActive(ctx, hpa)
		if err == nil && c.Status != corev1.ConditionTrue {
			err = fmt.Errorf("%s does not scale: %s: %s", hpa, c.Reason, c.Message)
		}
		return err
	})
}

// scalingActive is the autoscaler's own word on whether it can read its metric.
func (s *stage) scalingActive(ctx context.Context, hpa string) (autoscalingv2.HorizontalPodAutoscalerCondition, error) {
	h, err := s.cluster.Client().AutoscalingV2().HorizontalPodAutoscalers(namespace).Get(ctx, hpa, metav1.GetOptions{})
	if err != nil {
		return autoscalingv2.HorizontalPodAutoscalerCondition{}, err
	}
	for _, c := range h.Status.Conditions {
		if c.Type == autoscalingv2.ScalingActive {
			return c, nil
		}
	}
	return autoscalingv2.HorizontalPodAutoscalerCondition{}, fmt.Errorf("%s has no condition ScalingActive", hpa)
}
