//go:build linux

package node

import (
	"net/netip"
	"time"

	"go.uber.org/zap"
	"k8s.io/client-go/kubernetes"

	"spillway/e2e/network"
)

// Options say what a node is.
type Options struct {
	Number  int    // from 1 on; it names the node and gives it its addresses
	Dir     string // logs are in Dir/pods, the files of running Pods in Dir/nodes/NAME
	Images  Images
	Client  kubernetes.Interface
	Network *network.Network
	// Certificate and Key are the files with which it serves as a kubelet, on port 10250 of its address.
	Certificate, Key string
	// DNS is the address of the cluster's DNS server.
	DNS netip.Addr
	// Lease is how often the lease is renewed. It lasts four times that, as a kubelet's does.
	Lease time.Duration
	// BackOff is the wait before a container is started for the third time; the second start is at once. It doubles each
	// time up to 30 times that, and begins anew when the container has run for 60 times that. A kubelet waits 10 s, up
	// to 5 minutes.
	BackOff time.Duration
	Log     *zap.Logger
}
