package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"spillway/internal/config"
)

// Options choose a cluster as kubectl does; empty means kubectl's defaults, and inside a pod the cluster around.
type Options struct {
	Kubeconfig, Context, Namespace string
	// Timeout bounds each request.
	Timeout time.Duration
}

// Client reads one cluster. It is safe for concurrent use.
type Client struct {
	// Namespace is the one that was chosen.
	Namespace string
	// Host is the API server's address, for people.
	Host string

	// objects reads every kind of object. Clientsets with a method for each kind would add 50 MB to the program instead of 13.
	objects dynamic.Interface
	// server speaks to the API server with the account's credentials.
	server *http.Client
	// direct is used for pods and Services where they can be reached without the API server; nil means through it.
	direct *http.Client
}

// Connect makes a client; nothing is asked yet.
func Connect(o Options) (*Client, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	if _, known := raw.Contexts[o.Context]; o.Context != "" && !known {
		names := make([]string, 0, len(raw.Contexts))
		for name := range raw.Contexts {
			names = append(names, name)
		}
		if near, ok := config.Nearest(o.Context, names); ok {
			return nil, fmt.Errorf("the kubeconfig has no context %q; did you mean %q?", o.Context, near)
		}
		return nil, fmt.Errorf("the kubeconfig has no context %q", o.Context)
	}
	settings, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) { // Its own words send people to a variable instead of a kubeconfig.
		return nil, errors.New("no kubeconfig (KUBECONFIG, ~/.kube/config) names a cluster, and this is not a pod")
	}
	if err != nil {
		return nil, fmt.Errorf("finding the cluster: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("finding the namespace: %w", err)
	}
	if o.Namespace != "" {
		namespace = o.Namespace
	}
	c, err := newClient(settings, namespace, o.Timeout)
	if err == nil && len(raw.Contexts) == 0 { // nothing but the pod's own account has led here
		c.direct = &http.Client{Timeout: o.Timeout}
	}
	return c, err
}

func newClient(settings *rest.Config, namespace string, timeout time.Duration) (*Client, error) {
	settings = rest.CopyConfig(settings)
	settings.Timeout, settings.QPS, settings.Burst, settings.UserAgent = timeout, -1, 0, "spillway-doctor"
	settings.WarningHandlerWithContext = rest.NoWarnings{}
	server, err := rest.HTTPClientFor(settings)
	if err != nil {
		return nil, fmt.Errorf("preparing the cluster's client: %w", err)
	}
	address, _, err := rest.DefaultServerUrlFor(settings)
	if err != nil {
		return nil, fmt.Errorf("reading the API server's address: %w", err)
	}
	objects, err := dynamic.NewForConfigAndClient(settings, server)
	if err != nil {
		return nil, fmt.Errorf("preparing the client of objects: %w", err)
	}
	return &Client{Namespace: namespace, Host: strings.TrimSuffix(address.String(), "/"), objects: objects, server: server}, nil
}

// Close ends the connections that nothing uses.
func (c *Client) Close() {
	c.server.CloseIdleConnections()
	if c.direct != nil {
		c.direct.CloseIdleConnections()
	}
}
