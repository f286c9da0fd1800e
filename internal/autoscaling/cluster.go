package autoscaling

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	maxListed = 20        // names that an error gives
	maxPods   = 500       // that the time to start is taken of
	longest   = time.Hour // start that is one: a pod that became ready later was ready before
)

// Cluster chooses a cluster as kubectl does; empty means kubectl's defaults, and inside a pod the cluster around.
type Cluster struct {
	Kubeconfig, Context, Namespace string
	// Timeout bounds each request.
	Timeout time.Duration
}

// Read reads an autoscaler of the cluster, and how long its pods took to become ready: the median of those that never restarted, 0 when that cannot
// be told. An error says which autoscalers the namespace has where the name is not one of them.
func (c Cluster) Read(ctx context.Context, name string) (*Autoscaler, time.Duration, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.Context})
	settings, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) { // Its own words send people to a variable instead of a kubeconfig.
		return nil, 0, errors.New("no kubeconfig (KUBECONFIG, ~/.kube/config) names a cluster; name one by --kubeconfig and --context, or give the autoscaler by --hpa, a file")
	}
	if err != nil {
		return nil, 0, fmt.Errorf("finding the cluster: %w; name one by --kubeconfig and --context", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, 0, fmt.Errorf("finding the namespace: %w", err)
	}
	if c.Namespace != "" {
		namespace = c.Namespace
	}
	settings = rest.CopyConfig(settings)
	settings.Timeout, settings.UserAgent, settings.WarningHandlerWithContext = c.Timeout, "spillway-tune", rest.NoWarnings{}
	server, err := rest.HTTPClientFor(settings)
	if err != nil {
		return nil, 0, fmt.Errorf("preparing the cluster's client: %w", err)
	}
	defer server.CloseIdleConnections()
	client, err := dynamic.NewForConfigAndClient(settings, server)
	if err != nil {
		return nil, 0, fmt.Errorf("preparing the client of objects: %w", err)
	}
	a, err := read(ctx, client, namespace, name)
	if err != nil {
		return nil, 0, err
	}
	return a, startUp(ctx, client, namespace, a.object.Spec.ScaleTargetRef), nil
}

func read(ctx context.Context, client dynamic.Interface, namespace, name string) (*Autoscaler, error) {
	resource := client.Resource(autoscalingv2.SchemeGroupVersion.WithResource("horizontalpodautoscalers")).Namespace(namespace)
	found, err := resource.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		if list, listErr := resource.List(ctx, metav1.ListOptions{Limit: maxListed}); listErr == nil {
			names := make([]string, len(list.Items))
			for i := range list.Items {
				names[i] = list.Items[i].GetName()
			}
			err = errors.New("there is none of this name; the namespace has: " + cmp.Or(strings.Join(names, ", "), "none"))
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

// startUp is how long the pods of a Deployment or StatefulSet took from being made to being ready. It is a help, so that an error is no answer.
func startUp(ctx context.Context, client dynamic.Interface, namespace string, target autoscalingv2.CrossVersionObjectReference) time.Duration {
	group, err := schema.ParseGroupVersion(target.APIVersion)
	if err != nil {
		return 0
	}
	resource, _ := meta.UnsafeGuessKindToResource(group.WithKind(target.Kind))
	scaled, err := client.Resource(resource).Namespace(namespace).Get(ctx, target.Name, metav1.GetOptions{})
	if err != nil {
		return 0
	}
	chosen, _, _ := unstructured.NestedStringMap(scaled.Object, "spec", "selector", "matchLabels")
	if len(chosen) == 0 {
		return 0
	}
	pods, err := client.Resource(corev1.SchemeGroupVersion.WithResource("pods")).Namespace(namespace).
		List(ctx, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(chosen).String(), Limit: maxPods})
	if err != nil {
		return 0
	}
	var times []time.Duration
	for i := range pods.Items {
		if took, ok := becameReady(&pods.Items[i]); ok {
			times = append(times, took)
		}
	}
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// becameReady is how long a pod took; not known of one that is not ready or has restarted, and was ready more than once.
func becameReady(object *unstructured.Unstructured) (time.Duration, bool) {
	var pod corev1.Pod
	if runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &pod) != nil {
		return 0, false
	}
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].RestartCount > 0 {
			return 0, false
		}
	}
	for _, c := range pod.Status.Conditions {
		if took := c.LastTransitionTime.Sub(pod.CreationTimestamp.Time); c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && took > 0 && took <= longest {
			return took, true
		}
	}
	return 0, false
}
