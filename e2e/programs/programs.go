// Package programs knows where the programs are that a cluster is made of, and builds those that are missing. The large
// ones, which are other projects', are kept in the user's cache directory, by what they are made of: a clean clone finds
// them again.
package programs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrMissing is what the functions below wrap when a program is not there.
var ErrMissing = errors.New("it is not built; run: make e2e-build")

// The large programs, each by the module of e2e that it is built from.
const (
	controlPlane      = "controlplane"
	prometheusAdapter = "adapter"
	metricsServer     = "metrics-server"
)

// Own returns the path of one of the project's own programs, by its folder in cmd: worker, backlog-exporter, spillway; or
// of the scenarios' app. They are linked statically, as in their images.
func Own(name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	return exists(filepath.Join(root, "bin", "e2e", name))
}

// ControlPlane returns the path of the multi-call binary of etcd and Kubernetes.
func ControlPlane() (string, error) { return cached(controlPlane, controlPlane) }

// PrometheusAdapter returns the path of prometheus-adapter.
func PrometheusAdapter() (string, error) { return cached(prometheusAdapter, prometheusAdapter) }

// MetricsServer returns the path of metrics-server.
func MetricsServer() (string, error) { return cached(prometheusAdapter, metricsServer) }

// Prometheus returns the path of Prometheus, which the system has installed.
func Prometheus() (string, error) {
	path, err := exec.LookPath("prometheus")
	if err != nil {
		return "", fmt.Errorf("finding Prometheus: %w; install Debian's package: apt-get install prometheus", err)
	}
	return path, nil
}

// Root returns the repository's folder: the nearest one above the working directory that holds the module spillway.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	for {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod")) //nolint:gosec // The name is fixed.
		if err == nil && strings.HasPrefix(string(content), "module spillway\n") {
			return dir, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("finding the repository: %w", err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("finding the repository: no folder above the working directory holds the module spillway")
		}
		dir = parent
	}
}

// cached returns the path of a program in the cache, if it is there.
func cached(module, name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir, err := cacheDir(filepath.Join(root, "e2e", module))
	if err != nil {
		return "", err
	}
	return exists(filepath.Join(dir, name))
}

// cacheDir returns the folder in the cache for what a module builds now. Its name changes with the module's sources, its
// dependencies, the Go release and the flags.
func cacheDir(module string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache directory: %w", err)
	}
	hash := sha256.New()
	// This very program was built with the release that `go build` is of.
	_, _ = fmt.Fprintln(hash, runtime.Version(), runtime.GOARCH, buildFlags())
	sources, err := filepath.Glob(filepath.Join(module, "*.go"))
	if err != nil {
		return "", fmt.Errorf("listing the sources: %w", err)
	}
	for _, path := range append(sources, filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum")) {
		content, err := os.ReadFile(path) //nolint:gosec // The names are fixed.
		if err != nil {
			return "", fmt.Errorf("reading what is built: %w", err)
		}
		_, _ = fmt.Fprintln(hash, filepath.Base(path), len(content))
		_, _ = hash.Write(content)
	}
	name := filepath.Base(module) + "-" + hex.EncodeToString(hash.Sum(nil))[:16]
	return filepath.Join(cache, "spillway", "e2e", name), nil
}

// exists returns the path of a program that is there.
func exists(path string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("finding %s: %w", path, ErrMissing)
	}
	return path, nil
}
