//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"spillway/e2e/network"
	"spillway/e2e/node"
	"spillway/e2e/process"
	"spillway/e2e/services"
)

// Address is the address at which Pods reach what runs outside them.
const Address = "10.244.0.1"

// Cluster is a running control plane with its nodes. Its methods may be called concurrently.
type Cluster struct {
	opts      Options
	times     Times
	files     files
	config    *rest.Config
	client    kubernetes.Interface
	network   *network.Network
	services  *services.Services
	discovery *discovery
	nodes     []*node.Node
	stop      sync.Once

	mu        sync.Mutex
	processes []*process.Process // in the order of their first start
}

// Start starts the control plane and its nodes, and returns when the API server is ready, every node is Ready and the
// default ServiceAccount exists. On an error nothing is left running, and the error says where the logs are.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("starting a cluster: %w", err)
	}
	dir, err := emptyDir(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("starting a cluster: %w", err)
	}
	opts.Dir = dir
	c := &Cluster{opts: opts, times: TimesAt(opts.Speed)}
	if err := c.start(ctx); err != nil {
		c.Stop()
		return nil, fmt.Errorf("starting a cluster: %w (the logs are in %s)", err, filepath.Join(dir, "logs"))
	}
	return c, nil
}

// start starts the parts in order.
func (c *Cluster) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		c.startNetwork, c.startControlPlane, c.startServices, c.startNodes, c.awaitUsable,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startNetwork makes the bridge.
func (c *Cluster) startNetwork(context.Context) error {
	n, err := network.New()
	if err != nil {
		return err
	}
	c.network = n
	return nil
}

// startControlPlane makes the certificates and starts the processes.
func (c *Cluster) startControlPlane(ctx context.Context) error {
	var err error
	if c.files, err = makeFiles(filepath.Join(c.opts.Dir, "pki"), c.opts.Nodes, time.Now()); err != nil {
		return err
	}
	if c.config, err = clientcmd.BuildConfigFromFlags("", c.files.kubeconfigs[admin]); err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	c.config.QPS = -1 // Nodes share it; the API server bounds them.
	if c.client, err = kubernetes.NewForConfig(c.config); err != nil {
		return fmt.Errorf("making the client: %w", err)
	}
	specs, err := c.controlPlane()
	if err != nil {
		return err
	}
	for _, spec := range specs[:2] { // etcd, then the API server.
		if _, err := c.Run(ctx, spec); err != nil {
			return err
		}
	}
	var both sync.WaitGroup
	errs := make([]error, len(specs))
	for i, spec := range specs[2:] {
		both.Go(func() { _, errs[i] = c.Run(ctx, spec) })
	}
	both.Wait()
	return errors.Join(errs...)
}

// startServices serves the Services and the discovery of Pods.
func (c *Cluster) startServices(ctx context.Context) error {
	var err error
	if c.services, err = services.Start(ctx, c.client, c.network, dnsAddress(), c.opts.Log.Named("services")); err != nil {
		return err
	}
	c.discovery, err = startDiscovery(ctx, c.client, c.opts.Log.Named("discovery"))
	return err
}

// startNodes starts the nodes, all at once.
func (c *Cluster) startNodes(ctx context.Context) error {
	for number := range c.opts.Nodes {
		number++
		c.nodes = append(c.nodes, node.New(node.Options{
			Number: number, Dir: c.opts.Dir, Images: c.opts.Images, Client: c.client, Network: c.network,
			Certificate: c.files.nodes[number-1].Certificate, Key: c.files.nodes[number-1].Key, DNS: dnsAddress(),
			Lease: c.times.NodeLease, BackOff: c.times.BackOff, Log: c.opts.Log.Named("node"),
		}))
	}
	errs := make([]error, len(c.nodes))
	var all sync.WaitGroup
	for i, n := range c.nodes {
		all.Go(func() { errs[i] = n.Start(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Stop ends every Pod, node and process at once and returns when all have ended. Further calls do nothing.
func (c *Cluster) Stop() {
	c.stop.Do(func() {
		for _, n := range c.nodes {
			n.Stop()
		}
		if c.discovery != nil {
			c.discovery.close()
		}
		if c.services != nil {
			c.services.Close()
		}
		for _, p := range slices.Backward(c.running()) {
			p.Kill()
		}
		if c.network != nil {
			if err := c.network.Close(); err != nil {
				c.opts.Log.Error(err.Error())
			}
		}
	})
}

// Dir is the directory of Options. Below it logs/NAME.log is the log of a process and pods/NAMESPACE_POD_CONTAINER.log
// that of a container, over all its restarts.
func (c *Cluster) Dir() string { return c.opts.Dir }

// Times are the periods that hold in this cluster.
func (c *Cluster) Times() Times { return c.times }

// Kubeconfig is the path of a cluster-admin's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.files.kubeconfigs[admin] }

// Config is a cluster-admin's configuration for client-go. The caller may change it.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Client is a cluster-admin's client.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// Nodes are the nodes in the order of their names node-1, node-2 and so on. A lost node stays in the list.
func (c *Cluster) Nodes() []*node.Node { return slices.Clone(c.nodes) }

// ContainerLog is all that a container has written so far, over all its restarts. It needs no API server, and works when
// the Pod is gone.
func (c *Cluster) ContainerLog(namespace, pod, container string) (string, error) {
	content, err := os.ReadFile(node.LogPath(c.opts.Dir, namespace, pod, container))
	if err != nil {
		return "", fmt.Errorf("reading a container's log: %w", err)
	}
	return string(content), nil
}

// DiscoveryURL is what an http_sd_config asks for the cluster's Pods. The groups have the labels that
// kubernetes_sd_configs gives with "role: pod": one target for each declared port of each container that has an
// address, with __meta_kubernetes_namespace, _pod_name, _pod_label_*, _pod_labelpresent_*, _pod_annotation_*,
// _pod_annotationpresent_*, _pod_ready, _pod_phase, _pod_ip, _pod_node_name, _pod_container_name,
// _pod_container_port_name and _pod_container_port_number, so that relabelings written for a cluster work unchanged.
func (c *Cluster) DiscoveryURL() string { return "http://" + discoveryAddress + "/pods" }

// emptyDir makes the directory, or one of its own choice, and refuses one that holds something.
func emptyDir(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "spillway-e2e-")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // Logs may be read.
		return "", fmt.Errorf("making the directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("reading the directory: %w", err)
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("the directory %s is not empty: give a new one", dir)
	}
	return dir, nil
}
