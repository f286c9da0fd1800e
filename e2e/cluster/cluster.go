package cluster

import (
	"context"
	"errors"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"spillway/e2e/node"
	"spillway/e2e/process"
)

// The processes of the control plane, by their names.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
)

// Address is the address at which Pods reach what runs outside them.
const Address = "10.244.0.1"

// Cluster is a running control plane with its nodes. Its methods may be called concurrently.
type Cluster struct{}

// Start starts the control plane and its nodes, and returns when the API server is ready, every node is Ready and the
// default ServiceAccount exists. It takes 4 to 8 s. On an error nothing is left running.
func Start(context.Context, Options) (*Cluster, error) { return nil, errors.ErrUnsupported }

// Stop ends every Pod, node and process at once and returns when all have ended. Further calls do nothing.
func (c *Cluster) Stop() {}

// Dir is the directory of Options. Below it logs/NAME.log is the log of a process and pods/NAMESPACE_POD_CONTAINER.log
// that of a container, over all its restarts.
func (c *Cluster) Dir() string { return "" }

// Times are the periods that hold in this cluster.
func (c *Cluster) Times() Times { return Times{} }

// Kubeconfig is the path of a cluster-admin's kubeconfig.
func (c *Cluster) Kubeconfig() string { return "" }

// Config is a cluster-admin's configuration for client-go. The caller may change it.
func (c *Cluster) Config() *rest.Config { return nil }

// Client is a cluster-admin's client.
func (c *Cluster) Client() kubernetes.Interface { return nil }

// Kubectl runs kubectl as a cluster-admin and returns its standard output. The error holds standard error.
func (c *Cluster) Kubectl(context.Context, ...string) (string, error) { return "", nil }

// Apply applies a manifest, or a kustomization if path is a folder, as kubectl apply -f or -k does.
func (c *Cluster) Apply(context.Context, string) error { return nil }

// Delete deletes what Apply made and waits until it is gone.
func (c *Cluster) Delete(context.Context, string) error { return nil }

// ContainerLog is all that a container has written so far, over all its restarts. It needs no API server, and works when
// the Pod is gone.
func (c *Cluster) ContainerLog(namespace, pod, container string) (string, error) { return "", nil }

// Nodes are the nodes in the order of their names node-1, node-2 and so on. A lost node stays in the list.
func (c *Cluster) Nodes() []*node.Node { return nil }

// Process returns a process of the control plane, or one that Run has started, by name. nil means that there is none.
// It can be killed and started again.
func (c *Cluster) Process(string) *process.Process { return nil }

// Run starts a process outside the Pods, in the cluster's network, and returns when it is ready. Stop ends it. It should
// listen on Address. Names are unique within a cluster.
func (c *Cluster) Run(context.Context, process.Spec) (*process.Process, error) { return nil, nil }

// Prometheus runs Debian's Prometheus with the configuration on Address, port 9090, and returns when it is ready. Its
// name is "prometheus", its data are lost when it starts again unless they are kept on purpose.
func (c *Cluster) Prometheus(ctx context.Context, config string) (*process.Process, error) {
	return nil, nil
}

// DiscoveryURL is what an http_sd_config asks for the cluster's Pods. The groups have the labels that
// kubernetes_sd_configs gives with "role: pod": one target for each declared port of each container that has an
// address, with __meta_kubernetes_namespace, _pod_name, _pod_label_*, _pod_labelpresent_*, _pod_annotation_*,
// _pod_annotationpresent_*, _pod_ready, _pod_phase, _pod_ip, _pod_node_name, _pod_container_name,
// _pod_container_port_name and _pod_container_port_number, so that relabelings written for a cluster work unchanged.
func (c *Cluster) DiscoveryURL() string { return "" }

// Usage is what one process or Pod costs.
type Usage struct {
	Name string        // a process' name, or NAMESPACE/POD
	CPU  time.Duration // processor time since it started
	RSS  int64         // resident bytes
}

// Usage returns what the processes of the control plane and those that Run started cost, in the order of their start.
func (c *Cluster) Usage() []Usage { return nil }
