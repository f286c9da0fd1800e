//go:build linux

package manifests_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"spillway/deploy"
	"spillway/e2e/cluster"
	"spillway/e2e/node"
	"spillway/e2e/programs"
	"spillway/internal/testenv"
)

// absent are the kinds that the cluster does not know. Each is left out by name, and seen in deploy/'s own tests.
func absent() []string {
	return []string{"PodMonitoring", "PrometheusRule", "ScaledObject", "ServiceMonitor"}
}

// TestEveryOverlayIsAccepted has the API server check every overlay, and every component on the overlay generic, without making
// anything: schema, defaults, admission, and the strictest PodSecurity. Nothing may be refused and nothing warned of.
func TestEveryOverlayIsAccepted(t *testing.T) {
	c := start(t)
	for _, folder := range []string{"generic", "generic/mess", "gke", "gke-external-metrics"} {
		t.Run(folder, func(t *testing.T) { accepted(t, c, shipped(t), folder) })
	}
	for _, component := range components(t) {
		t.Run("generic with "+component, func(t *testing.T) {
			root := shipped(t)
			write(t, root, "mine/kustomization.yaml", "resources: [../base, flow.yaml]\ncomponents: [../components/flow, ../components/"+component+"]\ntransformers: [../namespace]\n")
			if component == "flow" {
				write(t, root, "mine/kustomization.yaml", "resources: [../base, flow.yaml]\ncomponents: [../components/flow]\ntransformers: [../namespace]\n")
			}
			write(t, root, "mine/flow.yaml", read(t, root, "generic/flow.yaml"))
			accepted(t, c, root, "mine")
		})
	}
}

// TestApplyAndDelete makes deploy/gke-external-metrics as a person does, twice, and takes it away.
func TestApplyAndDelete(t *testing.T) {
	c := start(t)
	manifests := known(t, kustomize(t, c, filepath.Join(shipped(t), "gke-external-metrics")))
	do(t, c, manifests, "apply", "-f", "-")

	t.Run("what the exporter keeps outlives the next apply", func(t *testing.T) {
		kubectl(t, c, "patch", "apiservice", "v1beta1.external.metrics.k8s.io", "--type=merge", `--patch={"spec":{"caBundle":"a2VwdA=="}}`)
		kubectl(t, c, "patch", "secret", "backlog-exporter-external-metrics", "--namespace=spillway", `--patch={"data":{"tls.crt":"a2VwdA=="}}`)
		kubectl(t, c, "scale", "deployment/worker", "--namespace=spillway", "--replicas=7")
		do(t, c, manifests, "apply", "-f", "-")
		for what, args := range map[string][]string{
			"the caBundle":    {"get", "apiservice", "v1beta1.external.metrics.k8s.io", "--output=jsonpath={.spec.caBundle}"},
			"the certificate": {"get", "secret", "backlog-exporter-external-metrics", "--namespace=spillway", `--output=jsonpath={.data.tls\.crt}`},
		} {
			if got := kubectl(t, c, args...); got != "a2VwdA==" {
				t.Errorf("%s is %q after an apply", what, got)
			}
		}
		if got := kubectl(t, c, "get", "deployment", "worker", "--namespace=spillway", "--output=jsonpath={.spec.replicas}"); got != "7" {
			t.Errorf("an apply sets %s replicas, 7 were scaled to", got)
		}
	})
	t.Run("rights", func(t *testing.T) { rights(t, c) })
	t.Run("nothing is left behind", func(t *testing.T) {
		do(t, c, manifests, "delete", "-f", "-", "--wait=false")
		for _, kind := range []string{"clusterroles", "clusterrolebindings", "roles", "rolebindings", "apiservices", "services", "deployments", "secrets", "serviceaccounts", "hpa", "pdb"} {
			if got := kubectl(t, c, "get", kind, "--all-namespaces", "--selector=app.kubernetes.io/part-of=spillway", "--output=name"); got != "" {
				t.Errorf("left behind: %s", got)
			}
		}
	})
}

// start starts a cluster with the namespaces that the manifests are for.
func start(t *testing.T) *cluster.Cluster {
	t.Helper()
	c := startWith(t, nil)
	kubectl(t, c, "create", "namespace", "spillway")
	kubectl(t, c, "create", "namespace", "monitoring")
	kubectl(t, c, "label", "namespace", "spillway", "pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/warn=restricted")
	return c
}

func startWith(t *testing.T, images node.Images) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Start(t.Context(), cluster.Options{Speed: 10, Images: images, Dir: t.TempDir()})
	if errors.Is(err, programs.ErrMissing) {
		testenv.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

// shipped writes deploy/ with its placeholders filled in, and returns the folder.
func shipped(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, deploy.Manifests()); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "flow.yaml" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		filled := strings.NewReplacer("PROJECT", "shop", "OFFER-SUBSCRIPTION", "offers", "CONTENT-SUBSCRIPTION", "contents", "IMAGE-SUBSCRIPTION", "images", "SUBSCRIPTION", "offers").Replace(string(content))
		return os.WriteFile(path, []byte(filled), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func components(t *testing.T) []string {
	t.Helper()
	folders, err := fs.ReadDir(deploy.Manifests(), "components")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range folders {
		if f.Name() != "guards" {
			names = append(names, f.Name())
		}
	}
	return names
}

// accepted has the API server check a folder.
func accepted(t *testing.T, c *cluster.Cluster, root, folder string) {
	t.Helper()
	manifests := known(t, kustomize(t, c, filepath.Join(root, folder)))
	out := do(t, c, manifests, "apply", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-f", "-")
	if got, want := strings.Count(out, "(server dry run)"), strings.Count(manifests, "\nkind: "); got != want {
		t.Errorf("%d of %d objects were checked:\n%s", got, want, out)
	}
}

func kustomize(t *testing.T, c *cluster.Cluster, folder string) string {
	t.Helper()
	return kubectl(t, c, "kustomize", folder)
}

// known leaves the objects of absent kinds out.
func known(t *testing.T, manifests string) string {
	t.Helper()
	var kept bytes.Buffer
	for _, document := range regexp.MustCompile(`(?m)^---\n`).Split(manifests, -1) {
		var object struct{ Kind string }
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		if object.Kind != "" && !slices.Contains(absent(), object.Kind) {
			_, _ = io.WriteString(&kept, "---\n"+document)
		}
	}
	return kept.String()
}

func kubectl(t *testing.T, c *cluster.Cluster, args ...string) string {
	t.Helper()
	return do(t, c, "", args...)
}

func do(t *testing.T, c *cluster.Cluster, input string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	out, err := c.KubectlWith(ctx, input, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func write(t *testing.T, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
