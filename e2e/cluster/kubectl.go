//go:build linux

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Kubectl runs kubectl as a cluster-admin and returns its standard output. The error holds standard error.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.KubectlWith(ctx, "", args...)
}

// KubectlWith is Kubectl with something to read on standard input, as for `apply -f -`.
func (c *Cluster) KubectlWith(ctx context.Context, input string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "kubectl", args...) //nolint:gosec // A test names what it wants.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.opts.Dir, "KUBECONFIG=" + c.Kubeconfig()}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("running kubectl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}

// Apply applies a manifest, or a kustomization if path is a folder, as kubectl apply -f or -k does.
func (c *Cluster) Apply(ctx context.Context, path string) error {
	_, err := c.Kubectl(ctx, append([]string{"apply"}, named(path)...)...)
	return err
}

// Delete deletes what Apply made and waits until it is gone.
func (c *Cluster) Delete(ctx context.Context, path string) error {
	_, err := c.Kubectl(ctx, append([]string{"delete", "--wait", "--ignore-not-found"}, named(path)...)...)
	return err
}

// named is how kubectl wants a path.
func named(path string) []string {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return []string{"-k", path}
		}
	}
	return []string{"-f", path}
}
