// Package cluster reads the objects of a Kubernetes cluster that a backlog passes on its way to an autoscaler, and calls
// the external metrics API as the autoscaler does. It never writes.
package cluster
