package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"spillway/internal/config"
	"spillway/tools/ship/compile"
	"spillway/tools/ship/image"
)

func newImages() *cobra.Command {
	var opts options
	cmd := &cobra.Command{
		Use:   "images",
		Short: "Write each program's image as an archive, for all processors, without a Docker daemon",
		PreRunE: func(*cobra.Command, []string) error {
			var errs config.Errors
			opts.checkRoot(&errs)
			opts.checkOut(&errs)
			opts.checkVersion(&errs)
			opts.checkRegistry(&errs, false)
			opts.checkArch(&errs)
			opts.checkPrograms(&errs)
			return errs.Err()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return images(cmd.Context(), opts, func(file, pinned string) { fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", file, pinned) })
		},
	}
	opts.registerRoot(cmd.Flags())
	opts.registerOut(cmd.Flags(), "to write the archives to")
	opts.registerVersion(cmd.Flags())
	opts.registerRegistry(cmd.Flags())
	opts.registerPrograms(cmd.Flags())
	cmd.Flags().StringSliceVar(&opts.arch, "arch", architectures(), "processors to build for")
	return cmd
}

// images builds what is missing in Go's cache, writes OUT/PROGRAM.tar for each program, and reports the file and the name with the
// digest of each.
func images(ctx context.Context, opts options, report func(file, pinned string)) error {
	commit, err := compile.CommitOf(ctx, opts.root)
	if err != nil {
		return err
	}
	zones, err := zoneArchive(ctx, opts.root)
	if err != nil {
		return err
	}
	root, err := image.Root(zones)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "spillway-ship-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	source := compile.Source{Root: opts.root, Version: opts.version, Revision: commit.Revision}
	for _, arch := range opts.arch {
		if err := source.Build(ctx, compile.Platform{OS: "linux", Arch: arch}, filepath.Join(work, arch), opts.programs...); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(opts.out, 0o755); err != nil { //nolint:gosec // What is given to others may be read.
		return err
	}
	for _, program := range opts.programs {
		about := image.About{Program: program, Description: programs()[program], Version: opts.version, Revision: commit.Revision, Created: commit.Time}
		if err := writeImage(opts, about, root, work, report); err != nil {
			return fmt.Errorf("making the image of %s: %w", program, err)
		}
	}
	return nil
}

func writeImage(opts options, about image.About, root []image.File, work string, report func(file, pinned string)) error {
	built := map[string]v1.Image{}
	for _, arch := range opts.arch {
		program, err := os.ReadFile(filepath.Join(work, arch, about.Program)) //nolint:gosec // A file that the build wrote.
		if err != nil {
			return err
		}
		if built[arch], err = image.New(about, arch, root, program); err != nil {
			return err
		}
	}
	index := image.Index(about, opts.arch, built)
	tag, err := opts.tag(about.Program)
	if err != nil {
		return err
	}
	file := filepath.Join(opts.out, about.Program+".tar")
	if err := image.WriteArchive(file, tag, index); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	report(file, fmt.Sprintf("%s@%s", tag, digest))
	return nil
}
