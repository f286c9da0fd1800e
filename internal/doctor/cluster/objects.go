package cluster

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// maxListed bounds a list of objects.
const maxListed = 500

func autoscalers() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
}

func core(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: resource}
}

// list reads the objects that a selector of labels chooses, each into a T. The error is the API's.
func list[T any](ctx context.Context, c *Client, resource schema.GroupVersionResource, namespace, selector string) ([]T, error) {
	return listed[T](ctx, c, resource, namespace, metav1.ListOptions{LabelSelector: selector, Limit: maxListed})
}

func listed[T any](ctx context.Context, c *Client, resource schema.GroupVersionResource, namespace string, options metav1.ListOptions) ([]T, error) {
	found, err := c.objects.Resource(resource).Namespace(namespace).List(ctx, options)
	if err != nil {
		return nil, err
	}
	all := make([]T, len(found.Items))
	for i := range found.Items {
		if err := into(&found.Items[i], &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func into(object *unstructured.Unstructured, typed any) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed); err != nil {
		return fmt.Errorf("reading %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}
