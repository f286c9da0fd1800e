//go:build linux

// Package node is a node: it plays the kubelet's role. It registers a Node, renews its lease, and runs the containers of
// every Pod that is bound to it as local processes: each Pod in a network namespace with an address of its own, each
// container in PID and mount namespaces of its own, in a root directory that holds its program and its volumes alone.
//
//	Node ── watch: one goroutine follows the Pods that are bound to the node
//	 └─ pod: one goroutine runs a Pod from its network to its removal, another publishes its status
//	     └─ container: one goroutine keeps a container running, one for each of its probes
//
// What a container may use is not enforced: no CPU or memory limit, no user, no seccomp profile, no capability. A
// read-only root file system is. Volumes are filled once, and a token is not renewed.
package node
