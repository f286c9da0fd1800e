package deploy_test

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"spillway/deploy"
)

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

func build(files filesys.FileSystem, folder string) (resmap.ResMap, error) {
	return krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, path.Join("/deploy", folder))
}

func render(t *testing.T, files filesys.FileSystem, folder string) resmap.ResMap {
	t.Helper()
	resources, err := build(files, folder)
	if err != nil {
		t.Fatal(err)
	}
	return resources
}

// choose makes an overlay's list of components these.
func choose(t *testing.T, files filesys.FileSystem, overlay string, components ...string) {
	t.Helper()
	name := path.Join("/deploy", overlay, "kustomization.yaml")
	var k types.Kustomization
	if err := yaml.UnmarshalStrict(read(t, files, name), &k); err != nil {
		t.Fatal(err)
	}
	k.Components = nil
	for _, c := range components {
		k.Components = append(k.Components, "../components/"+c)
	}
	content, err := yaml.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	write(t, files, name, string(content))
}

// rendered is what a cluster gets, by kind.
type rendered struct {
	deployments         []*appsv1.Deployment
	services            []*corev1.Service
	accounts            map[string]*corev1.ServiceAccount
	autoscalers         []*autoscalingv2.HorizontalPodAutoscaler
	budgets             []*policyv1.PodDisruptionBudget
	policies            []*networkingv1.NetworkPolicy
	secrets             []*corev1.Secret
	configMaps          []*corev1.ConfigMap
	roles               []*rbacv1.Role
	clusterRoles        []*rbacv1.ClusterRole
	roleBindings        []*rbacv1.RoleBinding
	clusterRoleBindings []*rbacv1.ClusterRoleBinding
	apiServices         []*apiService
	serviceMonitors     []*serviceMonitor
	podMonitorings      []*podMonitoring
	scaledObjects       []*scaledObject
	prometheusRules     []*prometheusRule
	metadata            []metadata
}

type metadata struct{ kind, namespace, name string }

func (r *rendered) deployment(t *testing.T, name string) *appsv1.Deployment {
	t.Helper()
	for _, d := range r.deployments {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no Deployment %s", name)
	return nil
}

// workers are the Deployments that take messages.
func (r *rendered) workers() []*appsv1.Deployment {
	return slices.DeleteFunc(slices.Clone(r.deployments), func(d *appsv1.Deployment) bool { return d.Labels["app.kubernetes.io/name"] != "worker" })
}

// objects renders a folder and decodes everything strictly.
func objects(t *testing.T, files filesys.FileSystem, folder string) *rendered {
	t.Helper()
	all, err := decodeAll(render(t, files, folder))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func decodeAll(resources resmap.ResMap) (*rendered, error) {
	all := &rendered{accounts: map[string]*corev1.ServiceAccount{}}
	for _, resource := range resources.Resources() {
		manifest, err := resource.AsYAML()
		if err != nil {
			return nil, err
		}
		object, err := decode(manifest)
		if err != nil {
			return nil, &undecodable{err, string(manifest)}
		}
		all.metadata = append(all.metadata, metadata{resource.GetKind(), resource.GetNamespace(), resource.GetName()})
		all.add(object)
	}
	return all, nil
}

type undecodable struct {
	error
	manifest string
}

func (u *undecodable) Error() string { return u.error.Error() + " in\n" + u.manifest }

func (r *rendered) add(object any) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		r.deployments = append(r.deployments, o)
	case *corev1.Service:
		r.services = append(r.services, o)
	case *corev1.ServiceAccount:
		r.accounts[o.Name] = o
	case *autoscalingv2.HorizontalPodAutoscaler:
		r.autoscalers = append(r.autoscalers, o)
	case *policyv1.PodDisruptionBudget:
		r.budgets = append(r.budgets, o)
	case *networkingv1.NetworkPolicy:
		r.policies = append(r.policies, o)
	case *corev1.Secret:
		r.secrets = append(r.secrets, o)
	case *corev1.ConfigMap:
		r.configMaps = append(r.configMaps, o)
	case *rbacv1.Role:
		r.roles = append(r.roles, o)
	case *rbacv1.ClusterRole:
		r.clusterRoles = append(r.clusterRoles, o)
	case *rbacv1.RoleBinding:
		r.roleBindings = append(r.roleBindings, o)
	case *rbacv1.ClusterRoleBinding:
		r.clusterRoleBindings = append(r.clusterRoleBindings, o)
	default:
		r.addForeign(object)
	}
}

func (r *rendered) addForeign(object any) {
	switch o := object.(type) {
	case *apiService:
		r.apiServices = append(r.apiServices, o)
	case *serviceMonitor:
		r.serviceMonitors = append(r.serviceMonitors, o)
	case *podMonitoring:
		r.podMonitorings = append(r.podMonitorings, o)
	case *scaledObject:
		r.scaledObjects = append(r.scaledObjects, o)
	case *prometheusRule:
		r.prometheusRules = append(r.prometheusRules, o)
	}
}

// binding is a role's subjects, of a cluster or a namespace.
type binding struct {
	name     string
	role     rbacv1.RoleRef
	subjects []rbacv1.Subject
}

func (r *rendered) bindings() []binding {
	var all []binding
	for _, b := range r.roleBindings {
		all = append(all, binding{b.Name, b.RoleRef, b.Subjects})
	}
	for _, b := range r.clusterRoleBindings {
		all = append(all, binding{b.Name, b.RoleRef, b.Subjects})
	}
	return all
}

func decode(manifest []byte) (any, error) {
	if object, foreign, err := decodeForeign(manifest); foreign {
		return object, err
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Yaml: true, Strict: true})
	var object runtime.Object
	object, _, err := strict.Decode(manifest, nil, nil)
	return object, err
}

// edit replaces every old in a file of the tree, of which there must be one.
func edit(t *testing.T, files filesys.FileSystem, name, old, replacement string) {
	t.Helper()
	content := string(read(t, files, name))
	if !strings.Contains(content, old) {
		t.Fatalf("%s does not contain %q", name, old)
	}
	write(t, files, name, strings.ReplaceAll(content, old, replacement))
}

func read(t *testing.T, files filesys.FileSystem, name string) []byte {
	t.Helper()
	content, err := files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, files filesys.FileSystem, name, content string) {
	t.Helper()
	if err := files.WriteFile(name, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

// strictly decodes YAML and refuses what T does not know.
func strictly[T any](t *testing.T, content []byte) T {
	t.Helper()
	var v T
	if err := yaml.UnmarshalStrict(content, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
