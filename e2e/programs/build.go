package programs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// large describes one of the large modules: what is built from it, and how long it takes.
type large struct {
	module   string
	what     string
	packages []string
	takes    string // on two cores, from empty caches, downloading included; see docs/decisions/0020
}

func larges() []large {
	return []large{
		{controlPlane, "etcd 3.6.8 and Kubernetes 1.36.3", []string{"."}, "3 to 6 minutes"},
		{prometheusAdapter, "prometheus-adapter 0.12.0 and metrics-server 0.7.2", []string{
			"sigs.k8s.io/prometheus-adapter/cmd/adapter", "sigs.k8s.io/metrics-server/cmd/metrics-server",
		}, "2 minutes"},
	}
}

// buildFlags are the flags of the large builds. With -trimpath, what is compiled is the same in every clone, and found
// again in Go's cache.
func buildFlags() []string {
	return []string{"-trimpath", "-ldflags=-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3"}
}

// Build builds what is missing, and the project's own programs, and says what it does. What it says while it builds comes
// every ten seconds.
func Build(ctx context.Context, to io.Writer) error {
	root, err := Root()
	if err != nil {
		return err
	}
	for _, l := range larges() {
		if err := l.build(ctx, filepath.Join(root, "e2e", l.module), to); err != nil {
			return err
		}
	}
	out := filepath.Join(root, "bin", "e2e") + string(filepath.Separator)
	flags := []string{"-trimpath", "-ldflags=-s -w", "-o", out} // As for an image.
	if err := run(ctx, to, root, "worker, backlog-exporter and spillway", "3 minutes", append(flags, "./cmd/...")...); err != nil {
		return err
	}
	return run(ctx, to, filepath.Join(root, "e2e"), "the scenarios' app", "seconds", append(flags, "./app")...)
}

// build builds the module into the cache, unless it is there. A build that is broken off leaves nothing in its place.
func (l large) build(ctx context.Context, module string, to io.Writer) error {
	dir, err := cacheDir(module)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err == nil {
		_, _ = fmt.Fprintf(to, "%s: built before, in %s\n", l.what, dir)
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // Programs may be read.
		return fmt.Errorf("making the cache directory: %w", err)
	}
	partial, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".partial-")
	if err != nil {
		return fmt.Errorf("making the cache directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(partial) }()
	args := append([]string{"-o", partial + string(filepath.Separator)}, buildFlags()...)
	if err := run(ctx, to, module, l.what, l.takes, append(args, l.packages...)...); err != nil {
		return err
	}
	if err := os.Rename(partial, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("putting the programs in place: %w", err)
	}
	return nil
}

// statusEvery is how often a build that goes on says so.
const statusEvery = 10 * time.Second

// run runs go build without cgo, so that what is built runs in a container without a C library.
func run(ctx context.Context, to io.Writer, dir, what, takes string, args ...string) error {
	_, _ = fmt.Fprintf(to, "%s: building (from empty caches: %s)\n", what, takes)
	began := time.Now()
	cmd := exec.CommandContext(ctx, "go", append([]string{"build"}, args...)...) //nolint:gosec // The arguments are this package's.
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, to, to
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("building %s: %w", what, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("building %s: %w", what, err)
			}
			_, _ = fmt.Fprintf(to, "%s: built in %s\n", what, time.Since(began).Round(100*time.Millisecond))
			return nil
		case <-ticker.C:
			_, _ = fmt.Fprintf(to, "%s: building for %s\n", what, time.Since(began).Round(time.Second))
		}
	}
}
