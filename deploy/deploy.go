// Package deploy holds the Kubernetes manifests that ship with Spillway: a base, components to add, and one folder for each kind of cluster.
package deploy

import (
	"embed"
	"io/fs"
)

//go:embed base components dashboards generic gke gke-external-metrics namespace
var manifests embed.FS

// Manifests is the tree of kustomizations as it was when the program was built; "gke", "gke-external-metrics", "generic" and "generic/mess"
// are the ones to render.
func Manifests() fs.FS { return manifests }
