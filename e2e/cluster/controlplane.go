//go:build linux

package cluster

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/rest"

	"spillway/e2e/process"
	"spillway/e2e/programs"
)

// The processes of the control plane, by their names.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
)

const (
	etcdURL           = "http://127.0.0.1:2379"
	apiServerAddress  = Address + ":6443"
	serviceRange      = "10.96.0.0/16"
	kubernetesAddress = "10.96.0.1" // the first of the range
	frontHeader       = "X-Remote-"
)

// dnsAddress is where Pods ask for names.
func dnsAddress() netip.Addr { return netip.AddrFrom4([4]byte{10, 96, 0, 10}) }

// controlPlane describes the processes in the order of their start.
func (c *Cluster) controlPlane() ([]process.Spec, error) {
	program, err := programs.ControlPlane()
	if err != nil {
		return nil, err
	}
	transport, err := rest.HTTPClientFor(c.Config())
	if err != nil {
		return nil, fmt.Errorf("making the client: %w", err)
	}
	return []process.Spec{
		c.component(program, Etcd, c.etcdFlags(), process.Answers(nil, etcdURL+"/health")),
		c.component(program, APIServer, c.apiServerFlags(), process.Answers(transport, "https://"+apiServerAddress+"/readyz")),
		c.component(program, ControllerManager, c.controllerManagerFlags(), c.healthy("127.0.0.1:10257")),
		c.component(program, Scheduler, c.schedulerFlags(), c.healthy("127.0.0.1:10259")),
	}, nil
}

// component describes one of them.
func (c *Cluster) component(program, name string, flags []string, ready func(context.Context) error) process.Spec {
	return process.Spec{Name: name, Path: program, Args: append([]string{name}, flags...), Env: []string{"HOME=" + c.opts.Dir}, Ready: ready}
}

// healthy asks a component for its health. It serves with a certificate of its own making.
func (c *Cluster) healthy(address string) func(context.Context) error {
	config := rest.AnonymousClientConfig(c.config)
	config.TLSClientConfig = rest.TLSClientConfig{Insecure: true}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		client = http.DefaultClient
	}
	return process.Answers(client, "https://"+address+"/healthz")
}

func (c *Cluster) etcdFlags() []string {
	const peers = "http://127.0.0.1:2380"
	return []string{
		"--data-dir=" + filepath.Join(c.opts.Dir, "etcd"),
		"--listen-client-urls=" + etcdURL, "--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=" + peers, "--initial-advertise-peer-urls=" + peers, "--initial-cluster=default=" + peers,
		"--unsafe-no-fsync", "--log-level=warn",
	}
}

func (c *Cluster) apiServerFlags() []string {
	toleration := strconv.Itoa(int(c.times.NodeToleration / time.Second))
	return []string{
		"--etcd-servers=" + etcdURL, "--bind-address=0.0.0.0", "--secure-port=6443", "--advertise-address=" + Address,
		"--cert-dir=" + filepath.Join(c.opts.Dir, "pki"),
		"--tls-cert-file=" + c.files.apiServer.Certificate, "--tls-private-key-file=" + c.files.apiServer.Key,
		"--client-ca-file=" + c.files.authority.Certificate,
		"--kubelet-client-certificate=" + c.files.kubeletClient.Certificate, "--kubelet-client-key=" + c.files.kubeletClient.Key,
		"--kubelet-certificate-authority=" + c.files.authority.Certificate, "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.files.accounts.Certificate, "--service-account-signing-key-file=" + c.files.accounts.Key,
		"--service-cluster-ip-range=" + serviceRange, "--authorization-mode=Node,RBAC", "--allow-privileged=true",
		// Aggregated APIs are reached at their endpoints, as on clusters whose API server is outside the nodes' network.
		"--enable-aggregator-routing=true",
		"--requestheader-client-ca-file=" + c.files.frontAuthor.Certificate, "--requestheader-allowed-names=" + frontName,
		"--requestheader-username-headers=" + frontHeader + "User", "--requestheader-group-headers=" + frontHeader + "Group",
		"--requestheader-extra-headers-prefix=" + frontHeader + "Extra-",
		"--proxy-client-cert-file=" + c.files.front.Certificate, "--proxy-client-key-file=" + c.files.front.Key,
		"--default-not-ready-toleration-seconds=" + toleration, "--default-unreachable-toleration-seconds=" + toleration,
	}
}

func (c *Cluster) controllerManagerFlags() []string {
	return append(c.controllerFlags(controllerManager),
		"--use-service-account-credentials=true", "--service-account-private-key-file="+c.files.accounts.Key,
		"--root-ca-file="+c.files.authority.Certificate,
		"--cluster-signing-cert-file="+c.files.authority.Certificate, "--cluster-signing-key-file="+c.files.authority.Key,
		"--kube-api-qps=500", "--kube-api-burst=1000", // The default ServiceAccount is there 5.6 s earlier.
		"--horizontal-pod-autoscaler-sync-period="+c.times.HPASync.String(),
		"--horizontal-pod-autoscaler-downscale-stabilization="+c.times.HPAStabilisation.String(),
		"--horizontal-pod-autoscaler-initial-readiness-delay="+c.times.HPAReadiness.String(),
		"--horizontal-pod-autoscaler-cpu-initialization-period="+c.times.HPACPUStart.String(),
		"--node-monitor-period="+c.times.NodeMonitor.String(), "--node-monitor-grace-period="+c.times.NodeGrace.String(),
	)
}

func (c *Cluster) schedulerFlags() []string { return c.controllerFlags(scheduler) }

// controllerFlags are those that the controller manager and the scheduler share.
func (c *Cluster) controllerFlags(name string) []string {
	kubeconfig := c.files.kubeconfigs[name]
	return []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--leader-elect=false",
	}
}
