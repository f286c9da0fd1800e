//go:build linux

package manifests_test

import (
	"fmt"
	"testing"

	authorization "k8s.io/api/authorization/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/e2e/cluster"
)

const (
	exporter   = "system:serviceaccount:spillway:backlog-exporter"
	worker     = "system:serviceaccount:spillway:worker"
	controller = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
)

// right is a verb on what: group, resource, subresource, namespace, name. An empty namespace is all of them.
type right = authorization.ResourceAttributes

// rights asks the API server what the ServiceAccounts may do. docs/external-metrics.md is the list.
func rights(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	check := func(who string, want bool, all ...right) {
		for _, r := range all {
			review := &authorization.SubjectAccessReview{Spec: authorization.SubjectAccessReviewSpec{User: who, ResourceAttributes: &r}}
			answer, err := c.Client().AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, meta.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status.Allowed != want {
				t.Errorf("%s may %s: %t, want %t", who, say(r), answer.Status.Allowed, want)
			}
		}
	}
	const (
		apiService = "v1beta1.external.metrics.k8s.io"
		secret     = "backlog-exporter-external-metrics"
		front      = "extension-apiserver-authentication"
	)
	check(exporter, true,
		right{Verb: "list", Group: "autoscaling", Resource: "horizontalpodautoscalers"}, right{Verb: "watch", Group: "autoscaling", Resource: "horizontalpodautoscalers"},
		right{Verb: "list", Resource: "pods"}, right{Verb: "watch", Resource: "pods"}, right{Verb: "create", Resource: "events", Namespace: "shop"},
		right{Verb: "get", Group: "apps", Resource: "deployments", Subresource: "scale", Namespace: "shop", Name: "worker"},
		right{Verb: "get", Group: "apps", Resource: "statefulsets", Subresource: "scale", Namespace: "shop", Name: "worker"},
		right{Verb: "create", Group: "authentication.k8s.io", Resource: "tokenreviews"}, right{Verb: "create", Group: "authorization.k8s.io", Resource: "subjectaccessreviews"},
		right{Verb: "get", Resource: "configmaps", Namespace: "kube-system", Name: front}, right{Verb: "watch", Resource: "configmaps", Namespace: "kube-system", Name: front},
		right{Verb: "get", Resource: "secrets", Namespace: "spillway", Name: secret}, right{Verb: "update", Resource: "secrets", Namespace: "spillway", Name: secret},
		right{Verb: "get", Group: "apiregistration.k8s.io", Resource: "apiservices", Name: apiService}, right{Verb: "patch", Group: "apiregistration.k8s.io", Resource: "apiservices", Name: apiService},
	)
	check(exporter, false,
		right{Verb: "list", Resource: "secrets", Namespace: "spillway"}, right{Verb: "create", Resource: "secrets", Namespace: "spillway"},
		right{Verb: "get", Resource: "secrets", Namespace: "spillway", Name: "google-credentials"}, right{Verb: "get", Resource: "secrets", Namespace: "shop", Name: secret},
		right{Verb: "get", Resource: "configmaps", Namespace: "kube-system", Name: "other"},
		right{Verb: "patch", Group: "apiregistration.k8s.io", Resource: "apiservices", Name: "v1beta1.metrics.k8s.io"},
		right{Verb: "patch", Group: "autoscaling", Resource: "horizontalpodautoscalers", Namespace: "spillway"},
		right{Verb: "update", Group: "apps", Resource: "deployments", Subresource: "scale", Namespace: "spillway"}, right{Verb: "delete", Resource: "pods", Namespace: "spillway"},
	)
	check(worker, false,
		right{Verb: "list", Resource: "pods", Namespace: "spillway"}, right{Verb: "get", Resource: "secrets", Namespace: "spillway"},
		right{Verb: "list", Group: "autoscaling", Resource: "horizontalpodautoscalers", Namespace: "spillway"},
	)
	check(controller, true, right{Verb: "list", Group: "external.metrics.k8s.io", Resource: "pubsub_subscription_desired_replicas", Namespace: "shop"})
}

func say(r right) string {
	return fmt.Sprintf("%s %s/%s/%s %s of %q", r.Verb, r.Group, r.Resource, r.Subresource, r.Name, r.Namespace)
}
