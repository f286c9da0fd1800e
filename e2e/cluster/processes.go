//go:build linux

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"spillway/e2e/process"
	"spillway/e2e/programs"
)

// Process returns a process of the control plane, or one that Run has started, by name. nil means that there is none.
// It can be killed and started again.
func (c *Cluster) Process(name string) *process.Process {
	for _, p := range c.running() {
		if p.Name() == name {
			return p
		}
	}
	return nil
}

// Run starts a process outside the Pods, in the cluster's network, and returns when it is ready. Stop ends it. It should
// listen on Address. Names are unique within a cluster.
func (c *Cluster) Run(ctx context.Context, spec process.Spec) (*process.Process, error) {
	if c.Process(spec.Name) != nil {
		return nil, fmt.Errorf("a process %q is there already", spec.Name)
	}
	p := process.New(spec, c.opts.Dir, c.opts.Log)
	c.mu.Lock()
	c.processes = append(c.processes, p)
	c.mu.Unlock()
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// running are all processes that have been started.
func (c *Cluster) running() []*process.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.processes)
}

// prometheusAddress is where Prometheus listens.
const prometheusAddress = Address + ":9090"

// Prometheus runs Debian's Prometheus with the configuration on Address, port 9090, and returns when it is ready. Its
// name is "prometheus". It finds its data again when it is started again.
func (c *Cluster) Prometheus(ctx context.Context, config string) (*process.Process, error) {
	program, err := programs.Prometheus()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(c.opts.Dir, "prometheus")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // A test may read it.
		return nil, fmt.Errorf("making Prometheus' directory: %w", err)
	}
	path := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil { //nolint:gosec // A test may read it.
		return nil, fmt.Errorf("writing Prometheus' configuration: %w", err)
	}
	return c.Run(ctx, process.Spec{
		Name: "prometheus", Path: program,
		Args:  []string{"--config.file=" + path, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + prometheusAddress},
		Ready: process.Answers(nil, "http://"+prometheusAddress+"/-/ready"),
	})
}

// Usage is what one process and its descendants cost.
type Usage struct {
	Name string // the process' name
	process.Usage
}

// Usage returns what the running processes of the control plane and those that Run started cost, in the order of their
// first start.
func (c *Cluster) Usage() ([]Usage, error) {
	var pids []int
	all := c.running()
	for _, p := range all {
		pids = append(pids, p.PID())
	}
	usages, err := process.Usages(pids)
	if err != nil {
		return nil, err
	}
	var out []Usage
	for i, p := range all {
		if usage, ok := usages[pids[i]]; ok {
			out = append(out, Usage{p.Name(), usage})
		}
	}
	return out, nil
}
