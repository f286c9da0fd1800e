package deploy_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// Whatever tells Prometheus about the pods leads it to the port that the program listens at.
func TestPrometheusFindsThePods(t *testing.T) {
	ports := map[string]string{"worker": "http", "backlog-exporter": "metrics"}
	t.Run("by ServiceMonitor", func(t *testing.T) {
		for _, m := range objects(t, tree(t), "generic").serviceMonitors {
			e := m.Spec.Endpoints[0]
			if len(m.Spec.Endpoints) != 1 || e.Port != ports[m.Name] || e.Path != "/metrics" || e.Interval != "15s" {
				t.Errorf("%s: %+v, want /metrics of %s every 15 s", m.Name, m.Spec.Endpoints, ports[m.Name])
			}
			// The exporter names namespaces of autoscalers; of the worker's series Prometheus knows the namespace better.
			if e.HonorLabels != (m.Name == "backlog-exporter") {
				t.Errorf("%s: honorLabels %t", m.Name, e.HonorLabels)
			}
		}
	})
	t.Run("by PodMonitoring", func(t *testing.T) {
		for _, overlay := range []string{"gke", "gke-external-metrics"} {
			all := objects(t, tree(t), overlay)
			if len(all.podMonitorings) != 2 {
				t.Fatalf("%s: %d PodMonitorings, want 2", overlay, len(all.podMonitorings))
			}
			for _, m := range all.podMonitorings {
				if e := m.Spec.Endpoints[0]; e != (endpoint{Port: ports[m.Name], Path: "/metrics", Interval: "15s"}) {
					t.Errorf("%s: %+v, want /metrics of %s every 15 s", m.Name, e, ports[m.Name])
				}
			}
		}
	})
	t.Run("by PodMonitoring in the sidecar too", func(t *testing.T) {
		files := tree(t)
		choose(t, files, "gke", "flow", "exporter-sidecar", "pod-monitoring")
		all := objects(t, files, "gke")
		exporter := sidecar(t, all.deployment(t, "worker").Spec.Template.Spec, "backlog-exporter")
		if !slices.ContainsFunc(all.podMonitorings[0].Spec.Endpoints, func(e endpoint) bool { return e.Port == exporter.Ports[0].Name }) &&
			!slices.ContainsFunc(all.podMonitorings[1].Spec.Endpoints, func(e endpoint) bool { return e.Port == exporter.Ports[0].Name }) {
			t.Errorf("no PodMonitoring scrapes the port %s", exporter.Ports[0].Name)
		}
	})
	t.Run("by annotations", func(t *testing.T) {
		files := tree(t)
		choose(t, files, "generic", "flow", "sidecar-app", "scrape-annotations")
		for _, d := range objects(t, files, "generic").deployments {
			pod := d.Spec.Template
			if diff := cmp.Diff(annotations(pod.Spec.Containers[0].Ports[0].ContainerPort), pod.Annotations); diff != "" {
				t.Errorf("%s (-want +got):\n%s", d.Name, diff)
			}
		}
	})
	t.Run("by the Service's annotations in the sidecar", func(t *testing.T) {
		files := tree(t)
		choose(t, files, "generic", "flow", "exporter-sidecar", "scrape-annotations")
		all := objects(t, files, "generic")
		i := slices.IndexFunc(all.services, func(s *corev1.Service) bool { return s.Name == "backlog-exporter" })
		got := all.services[i].Annotations
		delete(got, "spillway/exporter")
		exporter := sidecar(t, all.deployment(t, "worker").Spec.Template.Spec, "backlog-exporter")
		if diff := cmp.Diff(annotations(exporter.Ports[0].ContainerPort), got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func annotations(port int32) map[string]string {
	return map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": fmt.Sprint(port), "prometheus.io/path": "/metrics"}
}
