package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/clientcmd"
)

// The rate of requests to the API server; watches do not count. A start reads one scale for each autoscaler.
const (
	requestsPerSecond = 50
	requestBurst      = 100
)

// CheckKubeconfig returns what keeps a kubeconfig file from naming a cluster. Nothing is asked of the cluster.
func CheckKubeconfig(path string) error {
	_, err := clientcmd.BuildConfigFromFlags("", path)
	return err
}

// Connect returns clients of the cluster that the file kubeconfig names; empty means the cluster around. Nothing is
// asked of it yet.
func Connect(kubeconfig string) (kubernetes.Interface, Scales, error) {
	config, err := rest.InClusterConfig()
	if kubeconfig != "" {
		config, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("finding the cluster: %w", err)
	}
	config.QPS, config.Burst = requestsPerSecond, requestBurst
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return plainRefusals{next} })
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("preparing the cluster's client: %w", err)
	}
	cached := memory.NewMemCacheClient(client.Discovery())
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	getter, err := scale.NewForConfig(config, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(client.Discovery()))
	if err != nil {
		return nil, nil, fmt.Errorf("preparing the client of scales: %w", err)
	}
	return client, &scales{mapper: mapper, getter: getter}, nil
}

// plainRefusals makes a refused connection an error like any other. One that client-go knows as refused is repeated by its reflector
// without a word to the error handler, after pauses of up to a minute that the end of the context does not cut short.
type plainRefusals struct{ next http.RoundTripper }

func (p plainRefusals) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := p.next.RoundTrip(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		err = errors.New(err.Error())
	}
	return response, err
}

// scales finds the resource of a kind and reads its scale.
type scales struct {
	mapper meta.RESTMapper
	getter scale.ScalesGetter
}

var _ Scales = (*scales)(nil)

// Selector reads the selector in the scale subresource.
func (s *scales) Selector(ctx context.Context, namespace string, of Scaled) (labels.Selector, error) {
	group, err := schema.ParseGroupVersion(of.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("the target's apiVersion: %w", err)
	}
	mapping, err := s.mapper.RESTMapping(schema.GroupKind{Group: group.Group, Kind: of.Kind}, group.Version)
	if err != nil {
		return nil, fmt.Errorf("finding the resource: %w", err)
	}
	found, err := s.getter.Scales(namespace).Get(ctx, mapping.Resource.GroupResource(), of.Name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("getting the scale: %w", err)
	}
	selector, err := labels.Parse(found.Status.Selector)
	if err != nil {
		return nil, fmt.Errorf("the scale's selector: %w", err)
	}
	return selector, nil
}
