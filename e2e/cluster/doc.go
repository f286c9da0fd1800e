//go:build linux

// Package cluster starts a real Kubernetes control plane on one machine, without Docker and as any user: etcd,
// kube-apiserver, kube-controller-manager and kube-scheduler as processes, nodes that run Pods as local processes in
// network namespaces of their own, and an address and a DNS name for every Service.
//
//	func TestMain(m *testing.M) {
//		if code, inside := sandbox.Enter(); !inside {
//			os.Exit(code)
//		}
//		goleak.VerifyTestMain(m)
//	}
//
//	c, err := cluster.Start(ctx, cluster.Options{Nodes: 2, Speed: 10, Images: images})
//	defer c.Stop()
//	err = c.Apply(ctx, "../overlays/backlog")
//
// Everything is inside the private namespaces that sandbox made: the network has no way out, the addresses clash with
// nobody's, and all of it dies with the test binary.
//
//	10.244.0.1      the bridge: processes outside Pods listen here (Address), and Pods reach them
//	10.244.0.10+i   node i, its kubelet port 10250
//	10.244.i.x      the Pods of node i, from 10.244.1.2 on
//	10.96.0.0/16    Services: kubernetes is 10.96.0.1, DNS is 10.96.0.10
//
// What it is not: no cgroup limits, no user of its own for a container, no images, no network policies, no volumes but
// configMap, secret, projected, downwardAPI and emptyDir.
package cluster
