package overlays

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// render returns the objects of a folder by kind and name.
func render(t *testing.T, folder string) map[string]map[string]any {
	t.Helper()
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]map[string]any{}
	for _, r := range all.Resources() {
		content, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]any
		if err := yaml.Unmarshal(content, &object); err != nil {
			t.Fatal(err)
		}
		objects[r.GetKind()+" "+r.GetName()] = object
	}
	return objects
}

func TestOverlaysChangeEndpointsAndTimesAlone(t *testing.T) {
	for _, o := range All() {
		t.Run(o.Name, func(t *testing.T) {
			shippedFolder, overlayFolder, err := Write(t.TempDir(), o)
			if err != nil {
				t.Fatal(err)
			}
			shipped, overlay := render(t, shippedFolder), render(t, overlayFolder)
			for _, problem := range forbidden(shipped, overlay, o) {
				t.Error(problem)
			}
			expectUsed(t, shipped, overlay, o.Factor)
		})
	}
}

// expectUsed holds that the overlay does its work: without the endpoints the programs would speak to Google, and without
// the times the result would be labelled with a factor that does not hold.
func expectUsed(t *testing.T, shipped, overlay map[string]map[string]any, factor int) {
	t.Helper()
	var all strings.Builder
	for _, object := range overlay {
		content, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	want := []string{"name: PUBSUB_EMULATOR_HOST", "--monitoring-endpoint="}
	if strings.Contains(all.String(), "image: app") {
		want = append(want, "name: LEDGER")
	}
	if factor > 1 {
		want = append(want, "--poll-interval=", "--fresh-for=", "--hold=")
		expectDivided(t, shipped, overlay)
	}
	for _, w := range want {
		if !strings.Contains(all.String(), w) {
			t.Errorf("%q is missing", w)
		}
	}
	if strings.Contains(all.String(), "PROJECT") || strings.Contains(all.String(), "SUBSCRIPTION") {
		t.Error("the flow is not filled in")
	}
}

// expectDivided holds that no time of an autoscaler is as shipped.
func expectDivided(t *testing.T, shipped, overlay map[string]map[string]any) {
	t.Helper()
	for name, object := range overlay {
		before, after := map[string]string{}, map[string]string{}
		leaves(before, "", shipped[name])
		leaves(after, "", object)
		for path, value := range after {
			if periods.MatchString(path) && value == before[path] && value != "0" {
				t.Errorf("%s%s is %s, as shipped", name, path, value)
			}
		}
	}
}

// The comparison must see what it is there for.
func TestForbiddenDifferencesAreFound(t *testing.T) {
	at := func(object map[string]any, path ...string) map[string]any {
		for _, key := range path {
			switch v := object[key].(type) {
			case map[string]any:
				object = v
			case []any:
				object = v[0].(map[string]any)
			}
		}
		return object
	}
	const worker, exporter, hpa = "Deployment worker", "Deployment backlog-exporter", "HorizontalPodAutoscaler worker"
	addArgument := func(all map[string]map[string]any, object, argument string) {
		c := at(all[object], "spec", "template", "spec", "containers")
		c["args"] = append(c["args"].([]any), argument)
	}
	tests := map[string]struct {
		change func(map[string]map[string]any)
		want   string
	}{
		"another target": {func(all map[string]map[string]any) {
			at(all[hpa], "spec", "metrics", "external", "target")["averageValue"] = "100"
		}, `averageValue is "100", shipped is "40000"`},
		"another bound": {func(all map[string]map[string]any) { at(all[hpa], "spec")["maxReplicas"] = 3 }, `maxReplicas is "3"`},
		"another percentage": {func(all map[string]map[string]any) {
			at(all[hpa], "spec", "behavior", "scaleDown", "policies")["value"] = 100
		}, `value is "100", shipped is "20"`},
		"a time not divided": {func(all map[string]map[string]any) {
			at(all[hpa], "spec", "behavior", "scaleDown")["stabilizationWindowSeconds"] = 21
		}, `stabilizationWindowSeconds is "21", shipped is "300"`},
		"a worker's flag": {func(all map[string]map[string]any) { addArgument(all, worker, "--max-rate=10") }, `is "--max-rate=10"`},
		"another time":    {func(all map[string]map[string]any) { addArgument(all, exporter, "--poll-interval=1s") }, `is "--poll-interval=1s"`},
		"another host":    {func(all map[string]map[string]any) { addArgument(all, exporter, "--monitoring-endpoint=elsewhere:1") }, `elsewhere`},
		"another image": {func(all map[string]map[string]any) {
			at(all[worker], "spec", "template", "spec", "containers")["image"] = "other"
		}, `image is "other"`},
		"a removed field": {func(all map[string]map[string]any) {
			delete(at(all[worker], "spec", "template", "spec"), "terminationGracePeriodSeconds")
		}, `terminationGracePeriodSeconds is "", shipped is "40"`},
		"an object left out": {func(all map[string]map[string]any) { delete(all, "Service worker") }, "Service worker is left out"},
		"an object more":     {func(all map[string]map[string]any) { all["Service other"] = map[string]any{} }, "Service other is added"},
		"a variable for more": {func(all map[string]map[string]any) {
			at(all[worker], "spec", "template", "spec", "containers", "env")["value"] = "pubsub.googleapis.com"
		}, "env"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			shippedFolder, overlayFolder, err := Write(t.TempDir(), Backlog())
			if err != nil {
				t.Fatal(err)
			}
			overlay := render(t, overlayFolder)
			test.change(overlay)
			found := forbidden(render(t, shippedFolder), overlay, Backlog())
			if len(found) != 1 || !strings.Contains(found[0], test.want) {
				t.Errorf("found %q, want one that has %q", found, test.want)
			}
		})
	}
}

func TestAnEditThatDoesNotFitIsAnError(t *testing.T) {
	_, _, err := Write(t.TempDir(), Overlay{Shipped: "generic", ByHand: []Edit{{"generic/flow.yaml", "NOWHERE", "x"}}})
	if err == nil || !strings.Contains(err.Error(), `generic/flow.yaml has "NOWHERE" 0 times`) {
		t.Errorf("got %v", err)
	}
}

func TestEveryFolderIsShownOrPartOfOne(t *testing.T) {
	used := map[string]bool{"local": true, "local-app": true, "local-sidecar": true, "delegate": true, "times-5": true, "times-15": true}
	for _, o := range All() {
		used[o.Name] = true
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !used[e.Name()] {
			t.Errorf("nothing uses %s", filepath.Join("overlays", e.Name()))
		}
	}
}
