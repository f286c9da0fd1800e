package deploy_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"spillway/deploy"
	"spillway/internal/testenv"
)

// edits are the documented commands that make a folder of one's own; some are offered as comments.
func edits(t *testing.T, heading string, offered ...string) string {
	t.Helper()
	var script strings.Builder
	for _, line := range testenv.Commands(t, "../docs/kubernetes.md", heading) {
		offer, isOffer := strings.CutPrefix(line, "# ")
		switch {
		case isOffer && slices.ContainsFunc(offered, func(o string) bool { return strings.Contains(offer, o) }):
			script.WriteString(offer + "\n")
		case strings.HasPrefix(line, "sed -i") && strings.Contains(line, "components/") && !slices.ContainsFunc(offered, func(o string) bool { return strings.Contains(line, o) }):
		case strings.HasPrefix(line, "cp -r "), strings.HasPrefix(line, "sed -i "):
			script.WriteString(line + "\n")
		}
	}
	return script.String()
}

// Whoever follows docs/kubernetes.md to the letter has a folder that can be applied, with nothing left to fill in.
func TestTheDocumentedCommands(t *testing.T) {
	cases := map[string]struct {
		heading string
		offered []string
		answers bool // the exporter answers autoscalers
	}{
		"GKE, the Stackdriver adapter":                  {heading: "3. GKE"},
		"GKE, the exporter":                             {heading: "3. GKE", offered: []string{"external-metrics"}, answers: true},
		"GKE, the exporter, without an app":             {heading: "3. GKE", offered: []string{"external-metrics", "handler-work"}, answers: true},
		"another cluster, the exporter":                 {heading: "4. Any other cluster", offered: []string{"external-metrics"}, answers: true},
		"another cluster, the exporter, without an app": {heading: "4. Any other cluster", offered: []string{"external-metrics", "handler-work"}, answers: true},
		"another cluster, the Prometheus adapter":       {heading: "4. Any other cluster", offered: []string{"prometheus-adapter"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			project := t.TempDir()
			if err := os.CopyFS(filepath.Join(project, "deploy"), deploy.Manifests()); err != nil {
				t.Fatal(err)
			}
			script := edits(t, c.heading, c.offered...)
			command := exec.CommandContext(t.Context(), "bash", "-euc", script)
			command.Dir = project
			command.Env = []string{"PATH=" + os.Getenv("PATH"), "PROJECT=shop", "SUBSCRIPTION=offers", "REGISTRY=registry.example/spillway", "VERSION=v1"}
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s\n%s", err, out, script)
			}
			resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(project, "deploy", "offers"))
			if err != nil {
				t.Fatal(err)
			}
			all, err := decodeAll(resources)
			if err := coherent(all, err); err != nil {
				t.Fatal(err)
			}
			manifests, err := resources.AsYaml()
			if err != nil {
				t.Fatal(err)
			}
			if text := string(manifests); strings.Contains(text, "PROJECT") || strings.Contains(text, "SUBSCRIPTION") || strings.Contains(text, ":dev") {
				t.Errorf("something is left to fill in:\n%s", text)
			}
			for _, d := range all.deployments {
				for _, container := range containers(d) {
					if want := "registry.example/spillway/" + container.Name + ":v1"; container.Image != want {
						t.Errorf("image %s, want %s", container.Image, want)
					}
				}
			}
			if got := len(all.apiServices) == 1; got != c.answers {
				t.Errorf("an APIService is there: %t, want %t", got, c.answers)
			}
			app := len(all.deployment(t, "worker").Spec.Template.Spec.InitContainers) == 1
			if want := !slices.Contains(c.offered, "handler-work"); app != want {
				t.Errorf("the app is there: %t, want %t", app, want)
			}
		})
	}
}

// The table of autoscalers has every component that scales, and no other.
func TestTheTableOfAutoscalers(t *testing.T) {
	page, err := os.ReadFile("../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Which autoscaler\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var listed []string
	for line := range strings.Lines(table) {
		if name, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ = strings.Cut(name, "`")
			listed = append(listed, name)
		}
	}
	want := slices.DeleteFunc(slices.Clone(order()), func(c string) bool { return !strings.HasPrefix(c, "hpa-") && c != "keda-scaledobject" })
	slices.Sort(listed)
	slices.Sort(want)
	if !slices.Equal(listed, want) {
		t.Errorf("listed are %v, there are %v", listed, want)
	}
}

// Every folder and component that the pages name is there.
func TestTheDocsNameWhatIsThere(t *testing.T) {
	for _, page := range []string{"../docs/kubernetes.md", "../docs/gke-managed-adapter.md", "README.md", "../docs/external-metrics.md", "../README.md", "../docs/doctor.md"} {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for word := range strings.FieldsFuncSeq(string(content), func(r rune) bool { return strings.ContainsRune(" `|()[],;:\"\n", r) }) {
			_, name, ok := strings.Cut(word, "components/")
			name, _, _ = strings.Cut(name, "/")
			if !ok || name == "" || strings.ContainsAny(name, "*.") {
				continue
			}
			if _, err := fs.Stat(deploy.Manifests(), "components/"+name); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
