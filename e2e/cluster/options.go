//go:build linux

package cluster

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"spillway/e2e/node"
)

// Options say what Start starts.
type Options struct {
	// Speed is the factor by which the control plane's times are shorter than Kubernetes' own; see TimesAt. From 1 to 15.
	// 0 means 1.
	Speed float64
	// Nodes is how many nodes there are, from 1 to 200. 0 means 1.
	Nodes int
	// Images says which local program stands for which image. An image that is not here ends in ErrImagePull, as on a
	// cluster that cannot pull it.
	Images node.Images
	// Dir holds certificates, data and logs. It must be empty or absent. Empty means a new directory below the system's
	// temporary directory. It stays after Stop: the logs are read then. A test gives t.TempDir, or a directory that it
	// keeps when it fails.
	Dir string
	// Log gets what the nodes and the starting processes have to tell. nil means nothing.
	Log *zap.Logger
}

// withDefaults replaces what is zero.
func (o Options) withDefaults() Options {
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return o
}

// validate returns every fault at once.
func (o Options) validate() error {
	var errs []error
	if !(o.Speed >= 1 && o.Speed <= 15) {
		errs = append(errs, fmt.Errorf("the speed %v is not between 1 and 15", o.Speed))
	}
	if o.Nodes < 1 || o.Nodes > 200 {
		errs = append(errs, fmt.Errorf("%d nodes are not between 1 and 200", o.Nodes))
	}
	return errors.Join(errs...)
}
