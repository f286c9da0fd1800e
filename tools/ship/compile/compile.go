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
	args := []string{"build", "-trimpath", "-ldflags=-s -w -X=spillway/internal/command.version=" + s.Version, "-o", out + string(filepath.Separator)}
	for _, program := range programs {
		args = append(args, "./cmd/"+program)
	}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // The arguments are a version that was checked and names of folders.
	cmd.Dir = s.Root
	// The levels of the instruction sets are Go's defaults, whatever this machine prefers; GOWORK could swap modules.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off", "GOAMD64=v1", "GOARM64=v8.0", "GOOS="+platform.OS, "GOARCH="+platform.Arch)
	cmd.Env = append(cmd.Env, s.Environment...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s for %s: %w\n%s", strings.Join(programs, ", "), platform, err, output)
	}
	return nil
}
