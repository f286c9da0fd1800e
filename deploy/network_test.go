package deploy_test

import (
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Every port of ours that others speak to is let in, and the app's, which only its own worker speaks to, is not.
func TestNetworkPolicy(t *testing.T) {
	own := [][]string{
		{"flow", "sidecar-app", "network-policy", "external-metrics", "keda-scaledobject"},
		{"flow", "sidecar-app", "exporter-sidecar", "network-policy"},
	}
	for _, components := range own {
		files := tree(t)
		choose(t, files, "generic", components...)
		all := objects(t, files, "generic")
		for _, d := range all.deployments {
			i := slices.IndexFunc(all.policies, func(p *networkingv1.NetworkPolicy) bool { return p.Name == d.Name })
			spec := all.policies[i].Spec
			if len(all.podsOf(spec.PodSelector.MatchLabels)) != 1 || len(spec.PolicyTypes) != 2 {
				t.Errorf("%s: selects %v for %v, want its own pods in both directions", d.Name, spec.PodSelector.MatchLabels, spec.PolicyTypes)
			}
			for _, c := range containers(d) {
				for _, port := range c.Ports {
					if got, want := letIn(spec, port.Name), c.Name != "app"; got != want {
						t.Errorf("%s: port %s of %s is let in: %t, want %t", d.Name, port.Name, c.Name, got, want)
					}
				}
			}
			for _, port := range []int{53, 443} {
				if !letOut(spec, port) {
					t.Errorf("%s cannot reach port %d: DNS and Google's APIs", d.Name, port)
				}
			}
		}
	}
}

func letIn(spec networkingv1.NetworkPolicySpec, name string) bool {
	return slices.ContainsFunc(spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool {
		return slices.ContainsFunc(r.Ports, func(p networkingv1.NetworkPolicyPort) bool { return p.Port.StrVal == name })
	})
}

func letOut(spec networkingv1.NetworkPolicySpec, port int) bool {
	return slices.ContainsFunc(spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
		return len(r.To) == 0 && slices.ContainsFunc(r.Ports, func(p networkingv1.NetworkPolicyPort) bool { return *p.Port == intstr.FromInt(port) })
	})
}
