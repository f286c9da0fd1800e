package deploy_test

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// shipped is one Deployment and all that comes with it.
type shipped struct {
	*appsv1.Deployment
	with *rendered
}

// everyDeployment is those of every overlay, and those of generic with everything in its pods.
func everyDeployment(t *testing.T) map[string]shipped {
	t.Helper()
	every := map[string]shipped{}
	add := func(name string, all *rendered) {
		for _, d := range all.deployments {
			every[name+"/"+d.Name] = shipped{d, all}
		}
	}
	for _, overlay := range overlays() {
		add(overlay, objects(t, tree(t), overlay))
	}
	files := tree(t)
	choose(t, files, "generic", "flow", "sidecar-app", "exporter-sidecar", "google-credentials", "scrape-annotations")
	add("generic, exporter-sidecar", objects(t, files, "generic"))
	if len(every) != 2+4+2+2+1 {
		t.Errorf("%d Deployments, want 11", len(every))
	}
	return every
}

func containers(d *appsv1.Deployment) []corev1.Container {
	return slices.Concat(d.Spec.Template.Spec.InitContainers, d.Spec.Template.Spec.Containers)
}

func TestOverlaysAreCoherent(t *testing.T) {
	for _, overlay := range overlays() {
		if err := coherent(objects(t, tree(t), overlay), nil); err != nil {
			t.Errorf("%s: %v", overlay, err)
		}
	}
}

func TestSelectorsMatchLabels(t *testing.T) {
	for name, d := range everyDeployment(t) {
		t.Run(name, func(t *testing.T) {
			selector := d.Spec.Selector.MatchLabels
			if own := d.with.podsOf(selector); len(selector) == 0 || len(own) != 1 || own[0].Name != d.Name {
				t.Errorf("selector %v chooses the pods of %d Deployments, want its own", selector, len(own))
			}
			var behind []string
			for _, s := range d.with.services {
				if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(d.Spec.Template.Labels)) {
					behind = append(behind, s.Name)
				}
			}
			want := []string{d.Name}
			if !d.with.hasExporter() {
				want = []string{d.Name, "backlog-exporter"}
			}
			if !slices.Equal(behind, want) {
				t.Errorf("behind the Services %v, want %v", behind, want)
			}
		})
	}
}

func TestSecurityContexts(t *testing.T) {
	for name, d := range everyDeployment(t) {
		t.Run(name, func(t *testing.T) {
			pod := d.Spec.Template.Spec
			if p := pod.SecurityContext; !isTrue(p.RunAsNonRoot) || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("pod %+v, want runAsNonRoot and seccomp RuntimeDefault", p)
			}
			if pod.HostNetwork || pod.HostPID || pod.HostIPC {
				t.Error("shares a namespace with the node")
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
			port := main.Ports[0]
			if flagOf(t, main, "listen") != fmt.Sprintf(":%d", port.ContainerPort) {
				t.Errorf("listens on %s, declares %+v", flagOf(t, main, "listen"), main.Ports)
			}
			for want, probe := range map[string]*corev1.Probe{"/livez": main.LivenessProbe, "/readyz": main.ReadinessProbe} {
				if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != want || probe.HTTPGet.Port.StrVal != port.Name {
					t.Errorf("probe %+v, want %s on its own port", probe, want)
				}
			}
		})
	}
}

func TestWorkerDrainsBeforeItIsKilled(t *testing.T) {
	for _, overlay := range overlays() {
		for _, worker := range objects(t, tree(t), overlay).workers() {
			pod := worker.Spec.Template.Spec
			drain, err := time.ParseDuration(flagOf(t, pod.Containers[0], "drain-limit"))
			if err != nil {
				t.Fatal(err)
			}
			if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace != drain+10*time.Second {
				t.Errorf("%s: killed after %v, want the drain limit of %v and 10 s", overlay, grace, drain)
			}
		}
	}
}

// A node that is drained takes a quarter of a flow's pods at the most, and a flow at its minimum does not stop it.
func TestDisruptionBudgets(t *testing.T) {
	for _, overlay := range overlays() {
		all := objects(t, tree(t), overlay)
		if len(all.budgets) != len(all.workers()) {
			t.Errorf("%s: %d budgets for %d flows", overlay, len(all.budgets), len(all.workers()))
		}
		for _, b := range all.budgets {
			pods := all.podsOf(b.Spec.Selector.MatchLabels)
			if len(pods) != 1 || pods[0].Name != b.Name {
				t.Errorf("%s: budget %s is for the pods of %d Deployments, want its own", overlay, b.Name, len(pods))
			}
			if b.Spec.MinAvailable != nil || b.Spec.MaxUnavailable.StrVal != "25%" || *b.Spec.UnhealthyPodEvictionPolicy != policyv1.AlwaysAllow {
				t.Errorf("%s: budget %+v, want a quarter unavailable and no minimum", overlay, b.Spec)
			}
		}
	}
}

func TestWorkersAreSpread(t *testing.T) {
	for _, overlay := range overlays() {
		for _, worker := range objects(t, tree(t), overlay).workers() {
			var over []string
			for _, c := range worker.Spec.Template.Spec.TopologySpreadConstraints {
				over = append(over, c.TopologyKey)
				if diff := cmp.Diff(&metav1.LabelSelector{MatchLabels: worker.Spec.Selector.MatchLabels}, c.LabelSelector); diff != "" {
					t.Errorf("%s: %s is spread by the pods of others (-want +got):\n%s", overlay, worker.Name, diff)
				}
				if c.MaxSkew != 1 || c.WhenUnsatisfiable != corev1.ScheduleAnyway || !slices.Equal(c.MatchLabelKeys, []string{"pod-template-hash"}) {
					t.Errorf("%s: %+v, want a preference by revision", overlay, c)
				}
			}
			if want := []string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"}; !slices.Equal(over, want) {
				t.Errorf("%s: %s is spread over %v, want %v", overlay, worker.Name, over, want)
			}
		}
	}
}

// The worker must be the main container: kubelet stops native sidecars only after it, so the app outlives the drain.
func TestAppIsTheSidecar(t *testing.T) {
	for _, overlay := range overlays() {
		for _, worker := range objects(t, tree(t), overlay).workers() {
			pod := worker.Spec.Template.Spec
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
	}
	t.Run("and can be left out", func(t *testing.T) {
		for _, overlay := range singles() {
			files := tree(t)
			edit(t, files, "/deploy/"+overlay+"/kustomization.yaml", "- ../components/sidecar-app", "# - ../components/sidecar-app")
			if got := objects(t, files, overlay).deployment(t, "worker").Spec.Template.Spec.InitContainers; len(got) != 0 {
				t.Errorf("%s: init containers %+v, want none", overlay, got)
			}
		}
	})
}

func TestTheExporterCanBeASidecar(t *testing.T) {
	for _, overlay := range singles() {
		t.Run(overlay, func(t *testing.T) {
			files := tree(t)
			edit(t, files, "/deploy/"+overlay+"/kustomization.yaml", "# - ../components/exporter-sidecar", "- ../components/exporter-sidecar")
			all := objects(t, files, overlay)
			if len(all.deployments) != 1 || len(all.accounts) != 1 {
				t.Fatalf("%d Deployments and %d ServiceAccounts, want the worker's alone", len(all.deployments), len(all.accounts))
			}
			worker := all.deployment(t, "worker").Spec.Template.Spec
			exporter := sidecar(t, worker, "backlog-exporter")
			if exporter.RestartPolicy == nil || *exporter.RestartPolicy != corev1.ContainerRestartPolicyAlways || exporter.ReadinessProbe != nil {
				t.Errorf("%+v is no native sidecar, or holds the worker's readiness", exporter)
			}
			if flagOf(t, exporter, "listen") != fmt.Sprintf(":%d", exporter.Ports[0].ContainerPort) || exporter.LivenessProbe.HTTPGet.Port.StrVal != exporter.Ports[0].Name {
				t.Errorf("%+v listens, is probed and is declared on different ports", exporter)
			}
			main := worker.Containers[0]
			if diff := cmp.Diff([][]corev1.EnvVar{main.Env, nil}, [][]corev1.EnvVar{exporter.Env, sidecar(t, worker, "app").Env}); diff != "" {
				t.Errorf("credentials of worker, exporter and app (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(main.VolumeMounts, exporter.VolumeMounts); diff != "" {
				t.Errorf("the exporter's credentials (-worker +exporter):\n%s", diff)
			}
		})
	}
}

func sidecar(t *testing.T, pod corev1.PodSpec, name string) corev1.Container {
	t.Helper()
	i := slices.IndexFunc(pod.InitContainers, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("init containers %+v, want %s among them", pod.InitContainers, name)
	}
	return pod.InitContainers[i]
}

// The comment of components/handler-work: 32 at a time, 50 ms each.
func TestHandlerWork(t *testing.T) {
	for _, overlay := range singles() {
		files := tree(t)
		choose(t, files, overlay, "flow", "handler-work")
		worker := objects(t, files, overlay).deployment(t, "worker").Spec.Template.Spec.Containers[0]
		atOnce, err := strconv.Atoi(flagOf(t, worker, "concurrency"))
		if err != nil {
			t.Fatal(err)
		}
		each, err := time.ParseDuration(flagOf(t, worker, "work-duration"))
		if err != nil {
			t.Fatal(err)
		}
		if rate := float64(atOnce) / each.Seconds(); rate != 640 || flagOf(t, worker, "handler") != "work" {
			t.Errorf("%s: a pod takes %v messages a second, want 640", overlay, rate)
		}
	}
}
