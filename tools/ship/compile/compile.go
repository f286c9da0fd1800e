// Package compile builds Spillway's programs for other platforms: static, without paths of this machine, the same bytes each time.
package compile

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Platform is what a program runs on, in Go's words.
type Platform struct{ OS, Arch string }

// String is the platform as Go writes it, such as linux/amd64.
func (p Platform) String() string { return p.OS + "/" + p.Arch }

// Name is the name of a program's file on the platform.
func (p Platform) Name(program string) string {
	if p.OS == "windows" {
		return program + ".exe"
	}
	return program
}

// Source is what is built.
type Source struct {
	// Root is the folder of the module spillway.
	Root string
	// Version is what the programs answer to --version.
	Version string
	// Revision is the commit, which they answer too; empty where it is not known. Go's own record of it is left out: it is there in
	// a clone and not in a work tree, and names the nearest tag, so that it would differ with what was cloned.
	Revision string
	// Environment is added to that of this process, for example a cache of its own.
	Environment []string
}

// Build writes programs for a platform into the folder out. Go's own cache makes a second build a matter of linking.
// The bytes depend on the source, its commit, the version and the Go release alone.
func (s Source) Build(ctx context.Context, platform Platform, out string, programs ...string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	const variables = "spillway/internal/command."
	linked := fmt.Sprintf("-ldflags=-s -w -X=%sversion=%s -X=%srevision=%s", variables, s.Version, variables, s.Revision)
	args := []string{"build", "-buildvcs=false", "-trimpath", linked, "-o", out + string(filepath.Separator)}
	for _, program := range programs {
		args = append(args, "./cmd/"+program)
	}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // The arguments are a version that was checked and names of folders.
	cmd.Dir = s.Root
	// The levels of the instruction sets are Go's defaults, and flags are none, whatever this machine prefers by its environment or
	// by `go env -w`, which an empty GOFLAGS would not override; GOWORK could swap modules.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOWORK=off", "GOAMD64=v1", "GOARM64=v8.0", "GOOS="+platform.OS, "GOARCH="+platform.Arch)
	cmd.Env = append(cmd.Env, s.Environment...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s for %s: %w\n%s", strings.Join(programs, ", "), platform, err, output)
	}
	return nil
}
