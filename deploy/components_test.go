package deploy_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/deploy"
	"spillway/internal/testenv"
)

// order is the components in the order in which an overlay lists them. Those that patch what others bring come after them.
func order() []string {
	return []string{
		"flow", "sidecar-app", "handler-work", "exporter-sidecar", "google-credentials", "service-monitor", "scrape-annotations", "pod-monitoring",
		"hpa-backlog", "hpa-backlog-stackdriver", "hpa-backlog-and-cpu", "hpa-backlog-and-http-rate", "hpa-desired-replicas", "hpa-cpu", "hpa-http-rate",
		"keda-scaledobject", "exporter-kube", "external-metrics", "prometheus-adapter", "network-policy", "prometheus-rule", "grafana-dashboard",
	}
}

func TestEveryComponentIsTested(t *testing.T) {
	folders, err := fs.ReadDir(deploy.Manifests(), "components")
	if err != nil {
		t.Fatal(err)
	}
	var shipped []string
	for _, f := range folders {
		if f.Name() != "guards" {
			shipped = append(shipped, f.Name())
		}
	}
	if want := slices.Sorted(slices.Values(order())); !slices.Equal(shipped, want) {
		t.Errorf("components %v, tested %v", shipped, want)
	}
}

// What a component adds to an overlay with nothing else, or changes there.
func TestRenderedComponents(t *testing.T) {
	for _, component := range order() {
		t.Run(component, func(t *testing.T) {
			before, after := tree(t), tree(t)
			choose(t, before, "generic")
			choose(t, after, "generic", component)
			was := map[string]string{}
			for _, r := range render(t, before, "generic").Resources() {
				was[r.CurId().String()] = r.MustYaml()
			}
			var changed []string
			for _, r := range render(t, after, "generic").Resources() {
				if was[r.CurId().String()] != r.MustYaml() {
					changed = append(changed, r.MustYaml())
				}
				delete(was, r.CurId().String())
			}
			for _, id := range slices.Sorted(maps.Keys(was)) {
				changed = append(changed, "# taken away: "+id+"\n")
			}
			testenv.Golden(t, "testdata/components/"+component+".golden.yaml", []byte(strings.Join(changed, "---\n")))
		})
	}
}

// refused says why two components cannot be chosen together; empty if they can.
func refused(a, b string) string {
	scales := func(c string) bool { return strings.HasPrefix(c, "hpa-") || c == "keda-scaledobject" }
	pair := func(x string, y ...string) bool {
		return a == x && slices.Contains(y, b) || b == x && slices.Contains(y, a)
	}
	switch {
	case scales(a) && scales(b):
		return "only-one-autoscaler-component"
	case pair("exporter-sidecar", "exporter-kube", "external-metrics"):
		return "exporter-sidecar-excludes-exporter-kube-and-external-metrics"
	case pair("exporter-sidecar", "keda-scaledobject"):
		return "exporter-sidecar-excludes-keda-scaledobject"
	case pair("exporter-sidecar", "hpa-desired-replicas"):
		return "exporter-sidecar-excludes-hpa-desired-replicas"
	case pair("exporter-kube", "external-metrics"): // which includes it
		return "exporter-sidecar-excludes-exporter-kube-and-external-metrics"
	}
	return ""
}

// Any two components go together, or kustomize itself refuses them and names the reason.
func TestEveryPairOfComponents(t *testing.T) {
	for i, a := range order() {
		for _, b := range order()[i+1:] {
			files := tree(t)
			choose(t, files, "generic", a, b)
			resources, err := build(files, "generic")
			if why := refused(a, b); why != "" {
				if err == nil || !strings.Contains(err.Error(), "already registered") || !strings.Contains(err.Error(), why) {
					t.Errorf("%s with %s: %v, want a refusal that says %s", a, b, err, why)
				}
				continue
			}
			if err == nil {
				err = coherent(decodeAll(resources))
			}
			if err != nil {
				t.Errorf("%s with %s: %v", a, b, err)
			}
		}
	}
}

// Everything that goes together, at once.
func TestAllComponentsTogether(t *testing.T) {
	one := func(scales string, but ...string) []string {
		return slices.DeleteFunc(order(), func(c string) bool {
			return c != scales && refused(c, scales) != "" || slices.Contains(but, c)
		})
	}
	for _, overlay := range singles() {
		for scales := range autoscalers() {
			for _, but := range [][]string{{"exporter-sidecar", "exporter-kube"}, {"exporter-kube", "external-metrics"}} {
				t.Run(fmt.Sprintf("%s with %s without %v", overlay, scales, but), func(t *testing.T) {
					files := tree(t)
					choose(t, files, overlay, one(scales, but...)...)
					if err := coherent(decodeAll(render(t, files, overlay))); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// A component goes on top of a finished overlay too, in a folder of the user's own.
func TestComponentsOnTop(t *testing.T) {
	for _, overlay := range singles() {
		for _, component := range []string{"external-metrics", "exporter-kube", "network-policy", "prometheus-adapter"} {
			files := tree(t)
			write(t, files, "/deploy/mine/kustomization.yaml",
				"resources: [../"+overlay+"]\ncomponents: [../components/"+component+"]\ntransformers: [../namespace]\n")
			if err := coherent(decodeAll(render(t, files, "mine"))); err != nil {
				t.Errorf("%s on %s: %v", component, overlay, err)
			}
		}
		files := tree(t)
		write(t, files, "/deploy/mine/kustomization.yaml", "resources: [../"+overlay+"]\ncomponents: [../components/hpa-cpu]\ntransformers: [../namespace]\n")
		if _, err := build(files, "mine"); err == nil || !strings.Contains(err.Error(), "only-one-autoscaler-component") {
			t.Errorf("a second autoscaler on %s: %v, want a refusal", overlay, err)
		}
	}
}

// The lines that an overlay offers as comments can be taken in.
func TestOfferedComponents(t *testing.T) {
	for _, overlay := range singles() {
		name := "/deploy/" + overlay + "/kustomization.yaml"
		for line := range strings.Lines(string(read(t, tree(t), name))) {
			offer, ok := strings.CutPrefix(line, "# - ../components/")
			if !ok {
				continue
			}
			files := tree(t)
			edit(t, files, name, "# - ../components/"+offer, "- ../components/"+offer)
			if err := coherent(decodeAll(render(t, files, overlay))); err != nil {
				t.Errorf("%s with %s: %v", overlay, offer, err)
			}
		}
	}
}

// README.md lists every component, in the order that the tests hold.
func TestReadmeListsTheComponents(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(page), "\n## Components\n")
	list, _, _ = strings.Cut(list, "\nWhat cannot go together")
	var listed []string
	for line := range strings.Lines(list) {
		if name, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ = strings.Cut(name, "`")
			listed = append(listed, name)
		}
	}
	if diff := cmp.Diff(order(), listed); diff != "" {
		t.Errorf("(-tested +listed):\n%s", diff)
	}
}
