package cluster

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
)

// APIServiceName is the one object by which a cluster knows who serves external metrics.
const APIServiceName = "v1beta1.external.metrics.k8s.io"

// APIService says who serves external metrics, and whether the API server reaches it.
type APIService struct {
	// Namespace and Name are the Service's behind it.
	Namespace, Name string
	// Available is the API server's own verdict, Reason and Message why.
	Available       bool
	Reason, Message string
	// Unverified means that the API server does not check the server's certificate.
	Unverified bool
}

// APIService reads who serves external metrics. The error is the API's.
func (c *Client) APIService(ctx context.Context) (APIService, error) {
	resource := schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	object, err := c.objects.Resource(resource).Get(ctx, APIServiceName, metav1.GetOptions{})
	if err != nil {
		return APIService{}, fmt.Errorf("getting the apiservice: %w", err)
	}
	var s APIService
	s.Namespace, _, _ = unstructured.NestedString(object.Object, "spec", "service", "namespace")
	s.Name, _, _ = unstructured.NestedString(object.Object, "spec", "service", "name")
	s.Unverified, _, _ = unstructured.NestedBool(object.Object, "spec", "insecureSkipTLSVerify")
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, one := range conditions {
		fields, ok := one.(map[string]any)
		if !ok || fields["type"] != "Available" {
			continue
		}
		s.Available = fields["status"] == "True"
		s.Reason, _, _ = unstructured.NestedString(fields, "reason")
		s.Message, _, _ = unstructured.NestedString(fields, "message")
	}
	return s, nil
}

// Item is one value of an external metric.
type Item struct {
	Value  float64
	At     time.Time
	Labels map[string]string
}

// Reading calls the external metrics API as the autoscaler's controller does: in its namespace, with its name and selector.
// The error is the API's.
func (c *Client) Reading(ctx context.Context, metric string, selector Selector) ([]Item, error) {
	resource := schema.GroupVersionResource{Group: "external.metrics.k8s.io", Version: "v1beta1", Resource: metric}
	found, err := listed[v1beta1.ExternalMetricValue](ctx, c, resource, c.Namespace, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, fmt.Errorf("reading the external metric: %w", err)
	}
	items := make([]Item, len(found))
	for i := range found {
		items[i] = Item{Value: found[i].Value.AsApproximateFloat64(), At: found[i].Timestamp.Time, Labels: found[i].MetricLabels}
	}
	return items, nil
}

// Fault says what kind of refusal an error of the API server is.
type Fault int

// The faults. All others are Unanswered: the server could not be asked or could not answer.
const (
	Unanswered Fault = iota
	NotFound
	Forbidden
	Unauthorized
)

// FaultOf tells the API's refusals apart.
func FaultOf(err error) Fault {
	switch {
	case apierrors.IsNotFound(err):
		return NotFound
	case apierrors.IsForbidden(err):
		return Forbidden
	case apierrors.IsUnauthorized(err):
		return Unauthorized
	default:
		return Unanswered
	}
}
