//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/e2e/sandbox"
)

// reasonError is an error with the word that a kubelet has for it.
type reasonError struct {
	reason string
	err    error
}

func (e *reasonError) Error() string { return e.err.Error() }
func (e *reasonError) Unwrap() error { return e.err }

// reasonOf returns the word, or the one for everything else.
func reasonOf(err error) string {
	if known, ok := errors.AsType[*reasonError](err); ok {
		return known.reason
	}
	return "RunContainerError"
}

// launch starts the container's program.
func (c *container) launch(ctx context.Context) (*running, error) {
	p := c.pod
	image, ok := p.node.opts.Images.find(c.spec.Image)
	if !ok {
		return nil, &reasonError{"ErrImagePull", fmt.Errorf("no program stands for the image %q: name it in Images", c.spec.Image)}
	}
	env, err := p.environment(ctx, c.spec)
	if err != nil {
		return nil, &reasonError{"CreateContainerConfigError", err}
	}
	description, err := c.describe(image, env)
	if err != nil {
		return nil, &reasonError{"CreateContainerConfigError", err}
	}
	cmd, err := description.Command()
	if err != nil {
		return nil, err
	}
	log, err := openLog(LogPath(p.node.opts.Dir, p.object().Namespace, p.object().Name, c.spec.Name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log

	c.mu.Lock()
	defer c.mu.Unlock()
	// Under the lock: end finds either this process, or that none will follow.
	if c.isQuitting() {
		return nil, context.Canceled
	}
	if err := sandbox.InNetwork(p.port.Namespace, cmd.Start); err != nil {
		return nil, fmt.Errorf("starting the container: %w", err)
	}
	process := &running{cmd: cmd, since: time.Now(), ended: make(chan struct{})}
	go func() {
		defer close(process.ended)
		_ = cmd.Wait() // How it ended is in cmd.ProcessState.
	}()
	c.process, c.started, c.ready = process, false, false
	c.state = core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: meta.NewTime(process.since)}}
	p.announce()
	return process, nil
}

// describe says what the container sees and executes.
func (c *container) describe(image Image, env []string) (sandbox.Container, error) {
	p := c.pod
	c.mu.Lock()
	c.launches++
	root := filepath.Join(p.dir, "roots", c.spec.Name+"-"+strconv.Itoa(c.launches))
	c.mu.Unlock()
	if err := os.MkdirAll(root, 0o755); err != nil { //nolint:gosec // An empty mount point.
		return sandbox.Container{}, err
	}
	mounts, err := p.mounts(c.spec)
	if err != nil {
		return sandbox.Container{}, err
	}
	command := c.spec.Command
	if len(command) == 0 {
		command = []string{"/" + filepath.Base(image.Program)}
	}
	args := make([]string, 0, len(command)+len(c.spec.Args))
	for _, arg := range append(append([]string{}, command...), c.spec.Args...) {
		args = append(args, expand(arg, env))
	}
	readOnly := c.spec.SecurityContext != nil && c.spec.SecurityContext.ReadOnlyRootFilesystem != nil && *c.spec.SecurityContext.ReadOnlyRootFilesystem
	return sandbox.Container{
		Root: root, Hostname: p.hostname(), Program: image.Program, Machine: image.Machine, Mounts: mounts,
		ReadOnly: readOnly, Dir: c.spec.WorkingDir, Args: args, Env: env,
	}, nil
}

// openLog opens the file that the container writes to.
func openLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // A log may be read.
		return nil, fmt.Errorf("making the folder of the logs: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644) //nolint:gosec // A log may be read.
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return file, nil
}

// identity names an incarnation in the status.
func identity(process *running) string { return "process://" + strconv.Itoa(process.cmd.Process.Pid) }
