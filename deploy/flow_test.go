package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One file says what the flow is; every flag and selector follows, whatever scales it.
func TestFlowIsFilledInOnce(t *testing.T) {
	for _, overlay := range singles() {
		for _, component := range order() {
			t.Run(component+" on "+overlay, func(t *testing.T) {
				files := tree(t)
				flow := "/deploy/" + overlay + "/flow.yaml"
				edit(t, files, flow, "SUBSCRIPTION", "offers")
				edit(t, files, flow, "PROJECT", "shop-1")
				if component != "flow" {
					choose(t, files, overlay, "flow", component)
				}
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
}

// The three flows of one service: each with a Deployment, an app, a subscription and an autoscaler of its own, and one exporter.
func TestMess(t *testing.T) {
	files := tree(t)
	for _, flow := range []string{"offer", "content", "image"} {
		name := "/deploy/generic/mess/" + flow + "/flow.yaml"
		edit(t, files, name, "PROJECT", "shop")
		edit(t, files, name, strings.ToUpper(flow)+"-SUBSCRIPTION", flow+"s-v1")
	}
	all := objects(t, files, "generic/mess")
	if len(all.deployments) != 4 || len(all.autoscalers) != 3 || len(all.serviceMonitors) != 2 {
		t.Fatalf("%d Deployments, %d autoscalers, %d ServiceMonitors, want 4, 3 and 2", len(all.deployments), len(all.autoscalers), len(all.serviceMonitors))
	}
	for _, a := range all.autoscalers {
		flow := a.Labels["app.kubernetes.io/instance"]
		worker := all.deployment(t, a.Spec.ScaleTargetRef.Name)
		if worker.Name != "worker-"+flow || worker.Labels["app.kubernetes.io/instance"] != flow {
			t.Errorf("%s scales %s", a.Name, worker.Name)
		}
		want := external(stackdriverExporter, map[string]string{"project_id": "shop", "subscription_id": flow + "s-v1"}, "40000")
		if diff := cmp.Diff(want, a.Spec.Metrics[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", flow, diff)
		}
		pod := worker.Spec.Template.Spec
		if got := flagOf(t, pod.Containers[0], "subscription"); got != "projects/shop/subscriptions/"+flow+"s-v1" {
			t.Errorf("%s receives from %s", flow, got)
		}
		if got := sidecar(t, pod, "app").Image; got != flow+":dev" {
			t.Errorf("%s's app is %s", flow, got)
		}
	}
	want := []string{
		"--subscription=projects/shop/subscriptions/offers-v1", "--subscription=projects/shop/subscriptions/contents-v1",
		"--subscription=projects/shop/subscriptions/images-v1", "--listen=:9090",
	}
	if diff := cmp.Diff(want, all.deployment(t, "backlog-exporter").Spec.Template.Spec.Containers[0].Args); diff != "" {
		t.Errorf("exporter (-want +got):\n%s", diff)
	}
}

func TestGoogleIdentity(t *testing.T) {
	t.Run("gke: Workload Identity", func(t *testing.T) {
		const annotation = "iam.gke.io/gcp-service-account"
		accounts := objects(t, tree(t), "gke").accounts
		for name, want := range map[string]string{"worker": "spillway-worker@PROJECT.iam.gserviceaccount.com", "backlog-exporter": "spillway-exporter@PROJECT.iam.gserviceaccount.com"} {
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
