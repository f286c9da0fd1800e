package autoscaling

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// maxListed bounds how many names an error gives.
const maxListed = 20

// Cluster chooses a cluster as kubectl does; empty means kubectl's defaults, and inside a pod the cluster around.
type Cluster struct {
	Kubeconfig, Context, Namespace string
	// Timeout bounds each request.
	Timeout time.Duration
}

// Read reads an autoscaler of the cluster. An error says which autoscalers the namespace has where the name is not one of them.
func (c Cluster) Read(ctx context.Context, name string) (*Autoscaler, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.Context})
	settings, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the cluster: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("finding the namespace: %w", err)
	}
	if c.Namespace != "" {
		namespace = c.Namespace
	}
	settings = rest.CopyConfig(settings)
	settings.Timeout, settings.UserAgent, settings.WarningHandlerWithContext = c.Timeout, "spillway-tune", rest.NoWarnings{}
	server, err := rest.HTTPClientFor(settings)
	if err != nil {
		return nil, fmt.Errorf("preparing the cluster's client: %w", err)
	}
	defer server.CloseIdleConnections()
	return read(ctx, settings, server, namespace, name)
}

func read(ctx context.Context, settings *rest.Config, server *http.Client, namespace, name string) (*Autoscaler, error) {
	client, err := dynamic.NewForConfigAndClient(settings, server)
	if err != nil {
		return nil, fmt.Errorf("preparing the client of objects: %w", err)
	}
	resource := client.Resource(autoscalingv2.SchemeGroupVersion.WithResource("horizontalpodautoscalers")).Namespace(namespace)
	found, err := resource.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		if list, listErr := resource.List(ctx, metav1.ListOptions{Limit: maxListed}); listErr == nil {
			names := make([]string, len(list.Items))
			for i := range list.Items {
				names[i] = list.Items[i].GetName()
			}
			err = errors.New("there is none of this name; the namespace has: " + strings.Join(names, ", "))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("getting the autoscaler %s/%s: %w", namespace, name, err)
	}
	var object autoscalingv2.HorizontalPodAutoscaler
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, &object); err != nil {
		return nil, fmt.Errorf("reading the autoscaler %s/%s: %w", namespace, name, err)
	}
	return of(&object)
}
