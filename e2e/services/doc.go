//go:build linux

// Package services gives every Service of the cluster its address and its name: the roles of kube-proxy and of the
// cluster's DNS. A Service's address is one of the sandbox's own, where each of its TCP ports is listened on, and a
// connection is handed to a ready endpoint at random, as kube-proxy does.
package services
