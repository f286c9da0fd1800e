package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"spillway/internal/config"
	"spillway/tools/ship/compile"
	"spillway/tools/ship/image"
)

func newRootfs() *cobra.Command {
	var opts options
	var arch, program string
	cmd := &cobra.Command{
		Use:   "rootfs",
		Short: "Write what an image holds into a folder, for the Dockerfile to copy",
		PreRunE: func(*cobra.Command, []string) error {
			var errs config.Errors
			opts.checkRoot(&errs)
			opts.checkOut(&errs)
			opts.checkVersion(&errs)
			opts.arch, opts.programs = []string{arch}, []string{program}
			opts.checkArch(&errs)
			opts.checkPrograms(&errs)
			return errs.Err()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return rootfs(cmd.Context(), opts) },
	}
	opts.registerRoot(cmd.Flags())
	opts.registerOut(cmd.Flags(), "to write the image's files to")
	opts.registerVersion(cmd.Flags())
	cmd.Flags().StringVar(&program, "program", "", "program of the image")
	cmd.Flags().StringVar(&arch, "arch", "amd64", "processor to build for")
	return cmd
}

func rootfs(ctx context.Context, opts options) error {
	zones, err := zoneArchive(ctx, opts.root)
	if err != nil {
		return err
	}
	root, err := image.Root(zones)
	if err != nil {
		return err
	}
	if err := image.Unpack(root, opts.out); err != nil {
		return fmt.Errorf("writing the image's files: %w", err)
	}
	source := compile.Source{Root: opts.root, Version: opts.version}
	return source.Build(ctx, compile.Platform{OS: "linux", Arch: opts.arch[0]}, opts.out, opts.programs...)
}

// zoneArchive is the time zones that come with the Go release that builds root, so they are pinned with it.
func zoneArchive(ctx context.Context, root string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "GOROOT")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("asking Go for its folder: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "lib", "time", "zoneinfo.zip"), nil
}
