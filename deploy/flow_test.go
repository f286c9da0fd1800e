package deploy_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
)

// One file says what the flow is; every flag and selector follows.
func TestFlowIsFilledInOnce(t *testing.T) {
	for _, overlay := range overlays() {
		t.Run(overlay, func(t *testing.T) {
			files := tree(t)
			flow := "/deploy/" + overlay + "/flow.yaml"
			edit(t, files, flow, "SUBSCRIPTION", "offers")
			edit(t, files, flow, "PROJECT", "shop-1")
			got, err := render(t, files, overlay).AsYaml()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(got), "PROJECT") || strings.Contains(string(got), "SUBSCRIPTION") {
				t.Errorf("placeholders are left in\n%s", got)
			}
			if want := 2; strings.Count(string(got), "--subscription=projects/shop-1/subscriptions/offers\n") != want {
				t.Errorf("not both programs read projects/shop-1/subscriptions/offers in\n%s", got)
			}
		})
	}
}

// The way of README.md to a second flow in the same namespace.
func TestSecondFlow(t *testing.T) {
	files := tree(t)
	write(t, files, "/deploy/offers/kustomization.yaml", `resources: [../gke]
nameSuffix: -offers
labels:
- pairs: {app.kubernetes.io/instance: offers}
  includeSelectors: true
`)
	all := objects(t, files, "offers")
	worker := all.deployment(t, all.autoscalers[0].Spec.ScaleTargetRef.Name)
	if worker.Name != "worker-offers" || all.accounts[worker.Spec.Template.Spec.ServiceAccountName] == nil {
		t.Errorf("scales %s as %s, want worker-offers and its account", worker.Name, worker.Spec.Template.Spec.ServiceAccountName)
	}
	first := objects(t, tree(t), "gke").deployment(t, "worker").Spec.Template.Labels
	if labels.SelectorFromSet(worker.Spec.Selector.MatchLabels).Matches(labels.Set(first)) {
		t.Errorf("selector %v takes the first flow's pods %v", worker.Spec.Selector.MatchLabels, first)
	}
}

func TestGoogleIdentity(t *testing.T) {
	t.Run("gke: Workload Identity", func(t *testing.T) {
		const annotation = "iam.gke.io/gcp-service-account"
		accounts := objects(t, tree(t), "gke").accounts
		for name, want := range map[string]string{"worker": "WORKER@PROJECT.iam.gserviceaccount.com", "backlog-exporter": "EXPORTER@PROJECT.iam.gserviceaccount.com"} {
			if got := accounts[name].Annotations[annotation]; got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
	t.Run("generic: a file from a Secret", func(t *testing.T) {
		for _, d := range objects(t, tree(t), "generic").deployments {
			pod := d.Spec.Template.Spec
			main := pod.Containers[0]
			if len(pod.Volumes) != 1 || len(main.VolumeMounts) != 1 || main.VolumeMounts[0].Name != pod.Volumes[0].Name || len(main.Env) != 1 {
				t.Fatalf("%s: volumes %+v, mounts %+v, environment %+v", d.Name, pod.Volumes, main.VolumeMounts, main.Env)
			}
			if !strings.HasPrefix(main.Env[0].Value, main.VolumeMounts[0].MountPath+"/") || main.Env[0].Name != "GOOGLE_APPLICATION_CREDENTIALS" {
				t.Errorf("%s: %+v does not point into %s", d.Name, main.Env[0], main.VolumeMounts[0].MountPath)
			}
			if mode := *pod.Volumes[0].Secret.DefaultMode; mode != 0o440 || *pod.SecurityContext.FSGroup != *main.SecurityContext.RunAsUser {
				t.Errorf("%s: mode %o for group %d, want 440 for the program's own", d.Name, mode, *pod.SecurityContext.FSGroup)
			}
			for _, c := range pod.InitContainers {
				if len(c.VolumeMounts) != 0 {
					t.Errorf("%s: %s sees the credentials too", d.Name, c.Name)
				}
			}
		}
	})
}

func TestPrometheusFindsThePods(t *testing.T) {
	for _, d := range objects(t, tree(t), "generic").deployments {
		pod := d.Spec.Template
		want := map[string]string{
			"prometheus.io/scrape": "true",
			"prometheus.io/port":   strconv.Itoa(int(pod.Spec.Containers[0].Ports[0].ContainerPort)),
			"prometheus.io/path":   "/metrics",
		}
		if diff := cmp.Diff(want, pod.Annotations); diff != "" {
			t.Errorf("%s (-want +got):\n%s", d.Name, diff)
		}
	}
}
