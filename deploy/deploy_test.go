package deploy_test

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"spillway/deploy"
	"spillway/internal/testenv"
)

// overlays are the folders that people apply.
func overlays() []string { return []string{"generic", "gke"} }

func TestRenderedManifests(t *testing.T) {
	for _, overlay := range overlays() {
		t.Run(overlay, func(t *testing.T) {
			got, err := render(t, tree(t), overlay).AsYaml()
			if err != nil {
				t.Fatal(err)
			}
			testenv.Golden(t, "testdata/"+overlay+".golden.yaml", got)
		})
	}
}

// The strictness that the other tests rely on.
func TestUnknownAndDuplicateFieldsAreRefused(t *testing.T) {
	cases := map[string]string{
		"unknown":   "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\nautomountToken: false\n",
		"duplicate": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, name: b}\n",
		"no kind":   "apiVersion: v1\nkind: Nonsense\nmetadata: {name: a}\n",
	}
	for name, manifest := range cases {
		t.Run(name, func(t *testing.T) {
			if o, err := decode([]byte(manifest)); err == nil {
				t.Errorf("decoded to %v", o)
			}
		})
	}
}

// tree is the shipped tree in memory, to be edited freely.
func tree(t *testing.T) filesys.FileSystem {
	t.Helper()
	memory := filesys.MakeFsInMemory()
	shipped := deploy.Manifests()
	err := fs.WalkDir(shipped, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(shipped, name)
		if err != nil {
			return err
		}
		return memory.WriteFile(path.Join("/deploy", name), content)
	})
	if err != nil {
		t.Fatal(err)
	}
	return memory
}

func render(t *testing.T, files filesys.FileSystem, folder string) resmap.ResMap {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, path.Join("/deploy", folder))
	if err != nil {
		t.Fatal(err)
	}
	return resources
}

// rendered is what a cluster gets, by kind.
type rendered struct {
	deployments []*appsv1.Deployment
	services    []*corev1.Service
	accounts    map[string]*corev1.ServiceAccount
	autoscalers []*autoscalingv2.HorizontalPodAutoscaler
}

func (r rendered) deployment(t *testing.T, name string) *appsv1.Deployment {
	t.Helper()
	for _, d := range r.deployments {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no Deployment %s", name)
	return nil
}

// objects renders a folder and decodes everything strictly.
func objects(t *testing.T, files filesys.FileSystem, folder string) rendered {
	t.Helper()
	all := rendered{accounts: map[string]*corev1.ServiceAccount{}}
	for _, resource := range render(t, files, folder).Resources() {
		manifest, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		object, err := decode(manifest)
		if err != nil {
			t.Fatalf("%v in\n%s", err, manifest)
		}
		switch o := object.(type) {
		case *appsv1.Deployment:
			all.deployments = append(all.deployments, o)
		case *corev1.Service:
			all.services = append(all.services, o)
		case *corev1.ServiceAccount:
			all.accounts[o.Name] = o
		case *autoscalingv2.HorizontalPodAutoscaler:
			all.autoscalers = append(all.autoscalers, o)
		default:
			t.Errorf("no test knows %T", o)
		}
	}
	return all
}

func decode(manifest []byte) (runtime.Object, error) {
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Yaml: true, Strict: true})
	object, _, err := strict.Decode(manifest, nil, nil)
	return object, err
}

// flagOf is the value of a flag in a container's arguments.
func flagOf(t *testing.T, c corev1.Container, name string) string {
	t.Helper()
	for _, arg := range c.Args {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value
		}
	}
	t.Fatalf("container %s has no --%s", c.Name, name)
	return ""
}

// edit replaces every old in a file of the tree, of which there must be one.
func edit(t *testing.T, files filesys.FileSystem, name, old, replacement string) {
	t.Helper()
	content, err := files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		t.Fatalf("%s does not contain %q", name, old)
	}
	write(t, files, name, strings.ReplaceAll(string(content), old, replacement))
}

func write(t *testing.T, files filesys.FileSystem, name, content string) {
	t.Helper()
	if err := files.WriteFile(name, []byte(content)); err != nil {
		t.Fatal(err)
	}
}
