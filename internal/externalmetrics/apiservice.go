package externalmetrics

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// apiService is the one object by which a cluster knows who serves external metrics.
const apiService = "v1beta1.external.metrics.k8s.io"

// trust has the APIService trust the bundle, if the APIService is ours.
func (k *Keeper) trust(ctx context.Context, bundle []byte) error {
	client := k.services.Resource(schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"})
	object, err := client.Get(ctx, apiService, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading the apiservice: %w", err)
	}
	if err := k.owned(object); err != nil {
		return err
	}
	encoded := base64.StdEncoding.EncodeToString(bundle)
	trusted, _, _ := unstructured.NestedString(object.Object, "spec", "caBundle")
	insecure, _, _ := unstructured.NestedBool(object.Object, "spec", "insecureSkipTLSVerify")
	if trusted == encoded && !insecure {
		return nil
	}
	patch, err := json.Marshal(map[string]any{
		// With the version that was looked at, a change of owner meanwhile is a conflict.
		"metadata": map[string]any{"resourceVersion": object.GetResourceVersion()},
		"spec":     map[string]any{"caBundle": encoded, "insecureSkipTLSVerify": nil},
	})
	if err != nil {
		return fmt.Errorf("encoding the patch: %w", err)
	}
	if _, err := client.Patch(ctx, apiService, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("patching the apiservice: %w", err)
	}
	k.log.Info("the apiservice trusts the serving certificate")
	return nil
}

// owned says why the APIService is not ours to patch.
func (k *Keeper) owned(object *unstructured.Unstructured) error {
	namespace, _, _ := unstructured.NestedString(object.Object, "spec", "service", "namespace")
	name, _, _ := unstructured.NestedString(object.Object, "spec", "service", "name")
	if namespace != k.opts.Namespace || name != k.opts.Service {
		return fmt.Errorf("the apiservice %s belongs to the service %s/%s; point it here and give that one as --delegate", apiService, namespace, name)
	}
	return nil
}
