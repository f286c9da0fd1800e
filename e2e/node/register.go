//go:build linux

package node

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"go.uber.org/zap"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"spillway/e2e/network"
)

const (
	kubeletPort = 10250
	// leaseLasts is how many renewals a lease lasts.
	leaseLasts = 4
)

// address is the node's.
func (n *Node) address() netip.Addr { return network.Node(n.opts.Number) }

// capacity is what the node claims to have. It is more than the machine has: what a scenario requests has to fit, and
// nothing is enforced.
func capacity() core.ResourceList {
	return core.ResourceList{
		core.ResourceCPU:              resource.MustParse("16"),
		core.ResourceMemory:           resource.MustParse("64Gi"),
		core.ResourceEphemeralStorage: resource.MustParse("100Gi"),
		core.ResourcePods:             resource.MustParse("250"),
	}
}

// register makes the Node, or takes over the one that is there, and says that it is ready.
func (n *Node) register(ctx context.Context) error {
	nodes := n.opts.Client.CoreV1().Nodes()
	node := &core.Node{ObjectMeta: meta.ObjectMeta{Name: n.name, Labels: map[string]string{
		core.LabelHostname: n.name, core.LabelOSStable: "linux", core.LabelArchStable: runtime.GOARCH,
		core.LabelTopologyZone: "zone-" + string(rune('a'+(n.opts.Number-1)%3)),
	}}}
	if _, err := nodes.Create(ctx, node, meta.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("making the Node: %w", err)
	}
	if err := n.renewLease(ctx); err != nil {
		return err
	}
	// The node controllers write to a new Node at the same time.
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error { return n.publishNode(ctx) })
}

// publishNode writes the Node's status.
func (n *Node) publishNode(ctx context.Context) error {
	nodes := n.opts.Client.CoreV1().Nodes()
	node, err := nodes.Get(ctx, n.name, meta.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading the Node: %w", err)
	}
	node.Status.Capacity, node.Status.Allocatable = capacity(), capacity()
	node.Status.Addresses = []core.NodeAddress{
		{Type: core.NodeInternalIP, Address: n.address().String()}, {Type: core.NodeHostName, Address: n.name},
	}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = kubeletPort
	node.Status.NodeInfo.KubeletVersion, node.Status.NodeInfo.OperatingSystem = "v1.36.3-spillway", "linux"
	node.Status.NodeInfo.Architecture = runtime.GOARCH
	now := meta.Now()
	ready := core.NodeCondition{
		Type: core.NodeReady, Status: core.ConditionTrue, Reason: "NodeReady", Message: "the node runs Pods",
		LastHeartbeatTime: now, LastTransitionTime: now,
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == core.NodeReady && condition.Status == core.ConditionTrue {
			ready.LastTransitionTime = condition.LastTransitionTime
		}
	}
	node.Status.Conditions = []core.NodeCondition{ready}
	if _, err := nodes.UpdateStatus(ctx, node, meta.UpdateOptions{}); err != nil {
		return fmt.Errorf("writing the Node's status: %w", err)
	}
	return nil
}

// renew renews the lease, and repairs the status when the controller has lost its faith in it, as after an outage of the
// API server.
func (n *Node) renew(ctx context.Context) {
	ticker := time.NewTicker(n.opts.Lease)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		attempt, cancel := context.WithTimeout(ctx, askWithin)
		err := n.renewLease(attempt)
		if err == nil {
			err = n.publishNode(attempt)
		}
		cancel()
		if err != nil && ctx.Err() == nil {
			n.log.Warn("the node is not renewed", zap.Error(err))
		}
	}
}

// renewLease makes the lease, or renews it.
func (n *Node) renewLease(ctx context.Context) error {
	leases := n.opts.Client.CoordinationV1().Leases(core.NamespaceNodeLease)
	now, seconds := meta.NowMicro(), max(1, int32(leaseLasts*n.opts.Lease.Seconds()))
	spec := coordination.LeaseSpec{HolderIdentity: &n.name, LeaseDurationSeconds: &seconds, RenewTime: &now}
	lease, err := leases.Get(ctx, n.name, meta.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		lease = &coordination.Lease{ObjectMeta: meta.ObjectMeta{Name: n.name, Namespace: core.NamespaceNodeLease}, Spec: spec}
		_, err = leases.Create(ctx, lease, meta.CreateOptions{})
	case err == nil:
		lease.Spec = spec
		_, err = leases.Update(ctx, lease, meta.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("renewing the lease: %w", err)
	}
	return nil
}
