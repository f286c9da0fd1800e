package node

import "context"

// Node is a node of the cluster.
type Node struct{}

// Name is its name: node-1, node-2 and so on.
func (n *Node) Name() string { return "" }

// Lose makes the node vanish, as a power cut does: its processes are killed without SIGTERM, its addresses answer no
// longer, and nobody tells the API server. It returns when the processes have ended.
func (n *Node) Lose() {}

// Return lets a lost node come back empty: it removes from the API server what it has lost, as a kubelet does that finds
// the containers of its Pods gone.
func (n *Node) Return(context.Context) error { return nil }
