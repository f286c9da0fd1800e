package deploy_test

import (
	"strings"
	"testing"

	"spillway/internal/testenv"
)

// overlays are the folders that people apply.
func overlays() []string { return []string{"generic", "generic/mess", "gke", "gke-external-metrics"} }

// singles are the overlays with one flow, and a flow.yaml to fill in.
func singles() []string { return []string{"generic", "gke"} }

func TestRenderedManifests(t *testing.T) {
	for _, overlay := range overlays() {
		t.Run(overlay, func(t *testing.T) {
			got, err := render(t, tree(t), overlay).AsYaml()
			if err != nil {
				t.Fatal(err)
			}
			testenv.Golden(t, "testdata/"+strings.ReplaceAll(overlay, "/", "-")+".golden.yaml", got)
		})
	}
}

// The strictness that the other tests rely on.
func TestUnknownAndDuplicateFieldsAreRefused(t *testing.T) {
	cases := map[string]string{
		"unknown":                "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\nautomountToken: false\n",
		"duplicate":              "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, name: b}\n",
		"no kind":                "apiVersion: v1\nkind: Nonsense\nmetadata: {name: a}\n",
		"unknown in a CRD's":     "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {endpoint: []}\n",
		"version of a CRD":       "apiVersion: monitoring.coreos.com/v2\nkind: ServiceMonitor\nmetadata: {name: a}\n",
		"duplicate in a CRD's":   "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: 1, minReplicaCount: 2}\n",
		"wrong type in a CRD's":  "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec: {minReplicaCount: two}\n",
		"unknown, in APIService": "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: a}\nspec: {caBundel: x}\n",
	}
	for name, manifest := range cases {
		t.Run(name, func(t *testing.T) {
			if o, err := decode([]byte(manifest)); err == nil {
				t.Errorf("decoded to %v", o)
			}
		})
	}
}

// Everything lands in the one namespace of namespace.yaml, but for what belongs elsewhere by its nature.
func TestNamespace(t *testing.T) {
	for _, overlay := range overlays() {
		t.Run(overlay, func(t *testing.T) {
			files := tree(t)
			edit(t, files, "/deploy/namespace/namespace.yaml", "namespace: spillway", "namespace: shop")
			all := objects(t, files, overlay)
			for _, meta := range all.metadata {
				want := "shop"
				switch {
				case meta.kind == "ClusterRole" || meta.kind == "ClusterRoleBinding" || meta.kind == "APIService":
					want = ""
				case meta.name == "spillway-backlog-exporter-authentication-reader":
					want = "kube-system"
				}
				if meta.namespace != want {
					t.Errorf("%s %s is in %q, want %q", meta.kind, meta.name, meta.namespace, want)
				}
			}
			for _, binding := range all.bindings() {
				for _, subject := range binding.subjects {
					if want := map[string]string{"backlog-exporter": "shop", "horizontal-pod-autoscaler": "kube-system"}[subject.Name]; subject.Namespace != want {
						t.Errorf("%s binds %s of %q, want %q", binding.name, subject.Name, subject.Namespace, want)
					}
				}
			}
		})
	}
}
