package deploy_test

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"spillway/internal/export"
)

// shipped is one Deployment and all that comes with it.
type shipped struct {
	*appsv1.Deployment
	with rendered
}

func everyDeployment(t *testing.T) map[string]shipped {
	t.Helper()
	every := map[string]shipped{}
	for _, overlay := range overlays() {
		all := objects(t, tree(t), overlay)
		if len(all.deployments) != 2 {
			t.Errorf("%s has %d Deployments, want worker and backlog-exporter", overlay, len(all.deployments))
		}
		for _, d := range all.deployments {
			every[overlay+"/"+d.Name] = shipped{d, all}
		}
	}
	return every
}

func containers(d *appsv1.Deployment) []corev1.Container {
	return slices.Concat(d.Spec.Template.Spec.InitContainers, d.Spec.Template.Spec.Containers)
}

func TestSelectorsMatchLabels(t *testing.T) {
	for name, d := range everyDeployment(t) {
		t.Run(name, func(t *testing.T) {
			pod := d.Spec.Template
			if !labels.SelectorFromSet(d.Spec.Selector.MatchLabels).Matches(labels.Set(pod.Labels)) || len(d.Spec.Selector.MatchLabels) == 0 {
				t.Errorf("selector %v does not choose its own pods %v", d.Spec.Selector.MatchLabels, pod.Labels)
			}
			if d.with.accounts[pod.Spec.ServiceAccountName] == nil {
				t.Errorf("runs as ServiceAccount %q, which is not shipped", pod.Spec.ServiceAccountName)
			}
			var behind []string
			for _, s := range d.with.services {
				if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(pod.Labels)) {
					behind = append(behind, s.Name)
				}
				for _, port := range s.Spec.Ports {
					if s.Name == d.Name && !hasPort(d.Spec.Template.Spec.Containers[0], port.TargetPort.StrVal) {
						t.Errorf("Service port %s goes to %s, which no container has", port.Name, port.TargetPort.StrVal)
					}
				}
			}
			if !slices.Equal(behind, []string{d.Name}) {
				t.Errorf("behind the Services %v, want its own", behind)
			}
		})
	}
}

func hasPort(c corev1.Container, name string) bool {
	return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == name })
}

func TestSecurityContexts(t *testing.T) {
	for name, d := range everyDeployment(t) {
		t.Run(name, func(t *testing.T) {
			pod := d.Spec.Template.Spec
			if p := pod.SecurityContext; !isTrue(p.RunAsNonRoot) || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("pod %+v, want runAsNonRoot and seccomp RuntimeDefault", p)
			}
			if !isFalse(pod.AutomountServiceAccountToken) || !isFalse(d.with.accounts[pod.ServiceAccountName].AutomountServiceAccountToken) {
				t.Error("mounts a token of the cluster, which nothing here uses")
			}
			for _, c := range containers(d.Deployment) {
				s := c.SecurityContext
				if s == nil || !isTrue(s.ReadOnlyRootFilesystem) || !isFalse(s.AllowPrivilegeEscalation) || s.Privileged != nil || s.RunAsNonRoot != nil || s.SeccompProfile != nil {
					t.Errorf("container %s: %+v is not hardened, or weakens the pod's", c.Name, s)
					continue
				}
				if s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || s.Capabilities.Add != nil {
					t.Errorf("container %s: capabilities %+v, want none", c.Name, s.Capabilities)
				}
				if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
					t.Errorf("container %s: resources %+v, want requests and a memory limit", c.Name, c.Resources)
				}
				if _, tag, ok := strings.Cut(c.Image, ":"); !ok || tag == "latest" {
					t.Errorf("container %s: image %s, want a tag of its own", c.Name, c.Image)
				}
			}
		})
	}
}

func isTrue(b *bool) bool  { return b != nil && *b }
func isFalse(b *bool) bool { return b != nil && !*b }

func TestProbes(t *testing.T) {
	for name, d := range everyDeployment(t) {
		t.Run(name, func(t *testing.T) {
			main := d.Spec.Template.Spec.Containers[0]
			if len(main.Ports) != 1 || flagOf(t, main, "listen") != fmt.Sprintf(":%d", main.Ports[0].ContainerPort) {
				t.Errorf("listens on %s, declares %+v", flagOf(t, main, "listen"), main.Ports)
			}
			for want, probe := range map[string]*corev1.Probe{"/livez": main.LivenessProbe, "/readyz": main.ReadinessProbe} {
				if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != want || !hasPort(main, probe.HTTPGet.Port.StrVal) {
					t.Errorf("probe %+v, want %s on its own port", probe, want)
				}
			}
		})
	}
}

func TestWorkerDrainsBeforeItIsKilled(t *testing.T) {
	for _, overlay := range overlays() {
		pod := objects(t, tree(t), overlay).deployment(t, "worker").Spec.Template.Spec
		drain, err := time.ParseDuration(flagOf(t, pod.Containers[0], "drain-limit"))
		if err != nil {
			t.Fatal(err)
		}
		if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace != drain+10*time.Second {
			t.Errorf("%s: killed after %v, want the drain limit of %v and 10 s", overlay, grace, drain)
		}
	}
}

// The worker must be the main container: kubelet stops native sidecars only after it, so the app outlives the drain.
func TestAppIsTheSidecar(t *testing.T) {
	for _, overlay := range overlays() {
		pod := objects(t, tree(t), overlay).deployment(t, "worker").Spec.Template.Spec
		if len(pod.Containers) != 1 || pod.Containers[0].Name != "worker" || len(pod.InitContainers) != 1 {
			t.Fatalf("%s: %d containers and %d init containers, want the worker and the app", overlay, len(pod.Containers), len(pod.InitContainers))
		}
		app := pod.InitContainers[0]
		if app.RestartPolicy == nil || *app.RestartPolicy != corev1.ContainerRestartPolicyAlways || app.StartupProbe == nil {
			t.Errorf("%s: app %+v is no native sidecar with a startup probe", overlay, app)
		}
		target, err := url.Parse(flagOf(t, pod.Containers[0], "target"))
		if err != nil {
			t.Fatal(err)
		}
		if want := strconv.Itoa(int(app.Ports[0].ContainerPort)); target.Port() != want || target.Hostname() != "127.0.0.1" {
			t.Errorf("%s: the worker delivers to %s, the app listens on %s", overlay, target, want)
		}
	}
	t.Run("and can be left out", func(t *testing.T) {
		files := tree(t)
		edit(t, files, "/deploy/gke/kustomization.yaml", "- ../components/sidecar-app", "# - ../components/sidecar-app")
		edit(t, files, "/deploy/gke/kustomization.yaml", "components:", "# components:")
		if got := objects(t, files, "gke").deployment(t, "worker").Spec.Template.Spec.InitContainers; len(got) != 0 {
			t.Errorf("init containers %+v, want none", got)
		}
	})
}

func TestTheExporterCanBeASidecar(t *testing.T) {
	for _, overlay := range overlays() {
		t.Run(overlay, func(t *testing.T) {
			files := tree(t)
			kustomization := "/deploy/" + overlay + "/kustomization.yaml"
			edit(t, files, kustomization, "# - ../components/exporter-sidecar", "- ../components/exporter-sidecar")
			if overlay == "generic" {
				edit(t, files, kustomization, "- path: scrape-backlog-exporter.yaml\n", "")
			}
			all := objects(t, files, overlay)
			if len(all.deployments) != 1 || len(all.services) != 1 {
				t.Fatalf("%d Deployments and %d Services, want the worker's alone", len(all.deployments), len(all.services))
			}
			worker := all.deployment(t, "worker").Spec.Template.Spec
			i := slices.IndexFunc(worker.InitContainers, func(c corev1.Container) bool { return c.Name == "backlog-exporter" })
			if i < 0 {
				t.Fatalf("init containers %+v, want the exporter among them", worker.InitContainers)
			}
			exporter := worker.InitContainers[i]
			if exporter.RestartPolicy == nil || *exporter.RestartPolicy != corev1.ContainerRestartPolicyAlways || exporter.ReadinessProbe != nil {
				t.Errorf("%+v is no native sidecar, or holds the worker's readiness", exporter)
			}
			o := export.DefaultOptions()
			if err := parse(filled(exporter.Args), o.RegisterFlags, o.Validate); err != nil {
				t.Error(err)
			}
		})
	}
}
