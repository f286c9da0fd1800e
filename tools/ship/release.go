package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spillway/internal/config"
	"spillway/tools/ship/compile"
	"spillway/tools/ship/release"
)

// platforms are what a release is built for: all programs on linux, the tool for people elsewhere too.
func platforms() []compile.Platform {
	var all []compile.Platform
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range architectures() {
			all = append(all, compile.Platform{OS: system, Arch: arch})
		}
	}
	return all
}

// programsOn are the programs that a release has for a platform.
func programsOn(p compile.Platform) []string {
	if p.OS == "linux" {
		return programNames()
	}
	return []string{"spillway"}
}

// releaseOptions are the options of a release.
type releaseOptions struct {
	options
	platforms []string // OS/ARCH
	modified  bool
}

func newRelease() *cobra.Command {
	var opts releaseOptions
	cmd := &cobra.Command{
		Use:   "release",
		Short: "Write all that a release is: programs, images, bills of materials, manifests, notes, checksums",
		Long: "Write all that a release is into a folder: archives of the programs for each platform, images, a bill of materials for\n" +
			"each program (CycloneDX), the manifests with the version's images, the section of the changelog, and SHA256SUMS. The\n" +
			"same commit, version and Go release give the same bytes.",
		PreRunE: func(*cobra.Command, []string) error { return opts.validate() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			return opts.make(cmd.Context(), cmd.OutOrStdout())
		},
	}
	opts.registerRoot(cmd.Flags())
	opts.registerOut(cmd.Flags(), "to write the release to; it must be empty or not there")
	opts.registerVersion(cmd.Flags())
	opts.registerRegistry(cmd.Flags())
	var all []string
	for _, p := range platforms() {
		all = append(all, p.String())
	}
	cmd.Flags().StringSliceVar(&opts.platforms, "platform", all, "platforms to build for; the images are those of linux")
	cmd.Flags().BoolVar(&opts.modified, "modified", false, "go on although files differ from the commit, to try something")
	return cmd
}

func (o *releaseOptions) validate() error {
	var errs config.Errors
	o.checkRoot(&errs)
	o.checkOut(&errs)
	if entries, err := os.ReadDir(o.out); err == nil && len(entries) > 0 {
		errs.Add("--out", o.out, "is not empty, and what is there would be taken for the release's", "remove it")
	}
	if o.version == "" || !releasePattern.MatchString(o.version) {
		errs.Add("--version", o.version, "is not a release's", "give one such as v1.2.3 or v1.2.3-rc.1: make release VERSION=v1.2.3")
	}
	o.checkRegistry(&errs, false)
	var known []string
	for _, p := range platforms() {
		known = append(known, p.String())
	}
	for _, p := range o.platforms {
		errs.Check(slices.Contains(known, p), "--platform", p, "is not built for", "give "+strings.Join(known, ", "))
	}
	return errs.Err()
}

// make writes the release.
func (o *releaseOptions) make(ctx context.Context, report io.Writer) error {
	commit, err := compile.CommitOf(ctx, o.root)
	if err != nil {
		return err
	}
	if commit.Modified && !o.modified {
		return fmt.Errorf("files differ from commit %.12s, so nobody could make the same release again; commit them, or see `git status`", commit.Revision)
	}
	notes, err := o.notes()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil { //nolint:gosec // What is given to others may be read.
		return err
	}
	if err := o.write("RELEASE_NOTES.md", []byte(notes)); err != nil {
		return err
	}
	if err := o.manifests(commit); err != nil {
		return err
	}
	for _, p := range platforms() {
		if slices.Contains(o.platforms, p.String()) {
			if err := o.platform(ctx, p, commit); err != nil {
				return err
			}
		}
	}
	if err := o.images(ctx); err != nil {
		return err
	}
	sums, err := release.Sums(os.DirFS(o.out))
	if err != nil {
		return err
	}
	if err := o.write(release.SumsFile, sums); err != nil {
		return err
	}
	_, err = report.Write(sums)
	return err
}

func (o *releaseOptions) notes() (string, error) {
	changelog, err := os.ReadFile(filepath.Join(o.root, "CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	return release.Notes(string(changelog), o.version)
}

func (o *releaseOptions) write(name string, content []byte) error {
	return os.WriteFile(filepath.Join(o.out, name), content, 0o644) //nolint:gosec // What is given to others may be read.
}

// name is that of a file or folder of the release.
func (o *releaseOptions) name(of, suffix string) string { return of + "_" + o.version + suffix }

func (o *releaseOptions) manifests(commit compile.Commit) error {
	var unnamed error
	files, err := release.Manifests(os.DirFS(filepath.Join(o.root, "deploy")), func(program string) string {
		tag, err := o.tag(program)
		unnamed = errors.Join(unnamed, err)
		return tag.String()
	})
	if err := errors.Join(err, unnamed); err != nil {
		return err
	}
	return o.pack(o.name("manifests", ""), release.TarGz, ".tar.gz", files, commit)
}

// packer is release.TarGz or release.Zip.
type packer func(out io.Writer, folder string, files []release.File, at time.Time) error

// pack writes an archive with one folder of its name.
func (o *releaseOptions) pack(name string, pack packer, suffix string, files []release.File, commit compile.Commit) error {
	var archive bytes.Buffer
	if err := pack(&archive, name, files, commit.Time); err != nil {
		return err
	}
	return o.write(name+suffix, archive.Bytes())
}

// platform builds the programs for one platform, and writes their archive and their bills of materials.
func (o *releaseOptions) platform(ctx context.Context, p compile.Platform, commit compile.Commit) error {
	work, err := os.MkdirTemp("", "spillway-release-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	source := compile.Source{Root: o.root, Version: o.version, Revision: commit.Revision}
	if err := source.Build(ctx, p, work, programsOn(p)...); err != nil {
		return err
	}
	var files []release.File
	for _, name := range []string{"CHANGELOG.md", "LICENSE", "README.md"} {
		content, err := os.ReadFile(filepath.Join(o.root, name)) //nolint:gosec // A file of the module.
		if err != nil {
			return err
		}
		files = append(files, release.File{Name: name, Content: content, Mode: 0o644})
	}
	for _, program := range programsOn(p) {
		binary, err := os.ReadFile(filepath.Join(work, p.Name(program))) //nolint:gosec // A file that the build wrote.
		if err != nil {
			return err
		}
		files = append(files, release.File{Name: p.Name(program), Content: binary, Mode: 0o755})
		bill, err := release.BillOfMaterials(release.Made{Program: program, Version: o.version, Revision: commit.Revision, At: commit.Time}, binary)
		if err != nil {
			return err
		}
		if err := o.write(o.name(program, "_"+p.OS+"_"+p.Arch+".cdx.json"), bill); err != nil {
			return err
		}
	}
	name := o.name("spillway", "_"+p.OS+"_"+p.Arch)
	if p.OS == "windows" {
		return o.pack(name, release.Zip, ".zip", files, commit)
	}
	return o.pack(name, release.TarGz, ".tar.gz", files, commit)
}

// images writes those of the linux platforms, as `make images` does, and what they are pinned by.
func (o *releaseOptions) images(ctx context.Context) error {
	opts := o.options
	opts.programs = programNames()
	for _, arch := range architectures() {
		if slices.Contains(o.platforms, "linux/"+arch) {
			opts.arch = append(opts.arch, arch)
		}
	}
	if len(opts.arch) == 0 {
		return nil
	}
	work, err := os.MkdirTemp("", "spillway-release-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	opts.out = work
	var digests bytes.Buffer
	if err := images(ctx, opts, func(_, pinned string) { fmt.Fprintln(&digests, pinned) }); err != nil {
		return err
	}
	for _, program := range programNames() {
		archive, err := os.ReadFile(opts.archive(program))
		if err != nil {
			return err
		}
		if err := o.write(o.name(program, "_image.tar"), archive); err != nil {
			return err
		}
	}
	return o.write("IMAGES", digests.Bytes())
}
