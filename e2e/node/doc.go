// Package node is a node: it plays the kubelet's role. It registers a Node, renews its lease, and runs the containers of
// every Pod that is bound to it as local processes: each Pod in a network namespace with an address of its own, each
// container in PID and mount namespaces of its own, in a root directory that holds its program and its volumes alone.
package node
