package deploy_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
)

// rights is one line for each verb that the shipped roles allow: group/resource[/name] verb.
func (r *rendered) rights() []string {
	var all []string
	add := func(rules []rbacv1.PolicyRule) {
		for _, rule := range rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					what := group + "/" + resource
					if len(rule.ResourceNames) > 0 {
						what += " " + strings.Join(rule.ResourceNames, " ")
					}
					for _, verb := range rule.Verbs {
						all = append(all, what+": "+verb)
					}
				}
			}
		}
	}
	for _, c := range r.clusterRoles {
		add(c.Rules)
	}
	for _, c := range r.roles {
		add(c.Rules)
	}
	slices.Sort(all)
	return all
}

// Everything that anything shipped may do in a cluster, to the verb.
func TestLeastPrivilege(t *testing.T) {
	kube := []string{
		"/events: create", "/pods: list", "/pods: watch", "apps/deployments/scale: get", "apps/replicasets/scale: get", "apps/statefulsets/scale: get",
		"autoscaling/horizontalpodautoscalers: list", "autoscaling/horizontalpodautoscalers: watch",
	}
	api := []string{
		"/secrets backlog-exporter-external-metrics: get", "/secrets backlog-exporter-external-metrics: update",
		"apiregistration.k8s.io/apiservices v1beta1.external.metrics.k8s.io: get", "apiregistration.k8s.io/apiservices v1beta1.external.metrics.k8s.io: patch",
		"external.metrics.k8s.io/*: get", "external.metrics.k8s.io/*: list",
	}
	for _, component := range order() {
		t.Run(component, func(t *testing.T) {
			files := tree(t)
			choose(t, files, "generic", component)
			all := objects(t, files, "generic")
			var want []string
			switch component {
			case "exporter-kube":
				want = kube
			case "external-metrics":
				want = slices.Concat(kube, api)
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, all.rights()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			asks := len(want) > 0
			for _, d := range all.deployments {
				mounts := isTrue(d.Spec.Template.Spec.AutomountServiceAccountToken)
				if mounts != (asks && d.Name == "backlog-exporter") || !isFalse(all.accounts[d.Spec.Template.Spec.ServiceAccountName].AutomountServiceAccountToken) {
					t.Errorf("%s mounts a token of the cluster: %t", d.Name, mounts)
				}
			}
			for _, b := range all.bindings() {
				for _, s := range b.subjects {
					if s.Kind != "ServiceAccount" || s.Name != "backlog-exporter" && b.role.Name != "spillway-external-metrics-reader" {
						t.Errorf("%s gives rights to %s %s", b.name, s.Kind, s.Name)
					}
				}
			}
		})
	}
	for _, overlay := range []string{"generic", "generic/mess", "gke"} {
		if all := objects(t, tree(t), overlay); len(all.rights()) != 0 || len(all.bindings()) != 0 {
			t.Errorf("%s gives rights in the cluster: %v", overlay, all.rights())
		}
	}
}

// docs/external-metrics.md says what the exporter needs in a cluster; the components give it that.
func TestRightsAreThoseOfTheDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/external-metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	files := tree(t)
	choose(t, files, "generic", "external-metrics")
	all := objects(t, files, "generic")
	rights := all.rights()
	var named, seen int
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.Contains(cells[1], "`--") || strings.Contains(cells[1], "--delegate") {
			continue
		}
		if role := regexp.MustCompile("Role `([^`]+)`|\\(the same\\)").FindStringSubmatch(cells[5]); role != nil {
			named++
			if role[1] != "" && !slices.ContainsFunc(all.bindings(), func(b binding) bool { return b.role.Name == role[1] }) {
				t.Errorf("nothing binds the role %s", role[1])
			}
			continue
		}
		quoted := regexp.MustCompile("`([^`]+)`")
		group := ""
		if g := quoted.FindStringSubmatch(cells[2]); g != nil {
			group = g[1]
		}
		for _, resource := range quoted.FindAllStringSubmatch(strings.Split(cells[3], ", name")[0], -1) {
			for _, verb := range regexp.MustCompile("get|list|watch|create|update|patch").FindAllString(strings.Split(cells[4], ";")[0], -1) {
				seen++
				if !slices.ContainsFunc(rights, func(r string) bool {
					return strings.HasPrefix(r, group+"/"+resource[1]) && strings.HasSuffix(r, ": "+verb)
				}) {
					t.Errorf("the docs ask for %s of %s/%s, which no role gives", verb, group, resource[1])
				}
			}
		}
	}
	if named != 3 || seen != 12 {
		t.Errorf("the table names %d roles and %d rights, want 3 and 12: has it changed?", named, seen)
	}
}

// The exporter makes its certificate for the Service that the APIService names, and keeps it in the Secret that it may change.
func TestExternalMetricsNamesOneServiceAndOneSecret(t *testing.T) {
	all := objects(t, tree(t), "gke-external-metrics")
	service := all.apiServices[0].Spec.Service
	exporter := all.deployment(t, "backlog-exporter").Spec.Template.Spec.Containers[0]
	if got := flagOf(t, exporter, "external-metrics-service"); got != "$(POD_NAMESPACE)/"+service.Name || exporter.Env[0].Name != "POD_NAMESPACE" || exporter.Env[0].ValueFrom.FieldRef.FieldPath != "metadata.namespace" {
		t.Errorf("the certificate is made for %s with %+v, the APIService goes to %+v", got, exporter.Env, service)
	}
	secret := flagOf(t, exporter, "external-metrics-secret")
	if all.secrets[0].Name != secret || len(all.secrets[0].Data)+len(all.secrets[0].StringData) != 0 || !slices.Contains(all.rights(), "/secrets "+secret+": update") {
		t.Errorf("Secret %s: the shipped one is %s with %d entries", secret, all.secrets[0].Name, len(all.secrets[0].Data))
	}
	if _, port, _ := strings.Cut(flagOf(t, exporter, "external-metrics"), ":"); port != "10250" || fmt.Sprint(exporter.Ports[1].ContainerPort) != port {
		t.Errorf("served at %s, declared are %+v, want 10250", port, exporter.Ports)
	}
}
