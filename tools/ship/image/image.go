// Package image makes OCI images of static programs without a Docker daemon, the same bytes each time, writes them as archives
// and pushes them.
package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// About is what an image says of itself.
type About struct {
	Program     string
	Description string
	Version     string
	Revision    string
	Created     time.Time
}

// labels are those of the OCI image specification.
func (a About) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "spillway " + a.Program,
		"org.opencontainers.image.description": a.Description,
		"org.opencontainers.image.version":     a.Version,
		"org.opencontainers.image.revision":    a.Revision,
		"org.opencontainers.image.created":     a.Created.UTC().Format(time.RFC3339),
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
}

// New makes one image for linux on arch: a layer with root, which all programs share, and one with the program.
func New(about About, arch string, root []File, program []byte) (v1.Image, error) {
	entrypoint := "/" + about.Program
	ground, err := layer(root, about.Created)
	if err != nil {
		return nil, err
	}
	own, err := layer([]File{{Path: entrypoint, Content: program, Mode: 0o755}}, about.Created)
	if err != nil {
		return nil, err
	}
	created := v1.Time{Time: about.Created.UTC()}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: arch, Created: created, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Entrypoint: []string{entrypoint}, User: User, WorkingDir: "/", Labels: about.labels()},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(image,
		mutate.Addendum{Layer: ground, History: v1.History{Created: created, CreatedBy: "certificates, time zones, user"}},
		mutate.Addendum{Layer: own, History: v1.History{Created: created, CreatedBy: "program " + about.Program}})
}

// Index joins the images of all processors under one name. The order is that of archs.
func Index(about About, archs []string, images map[string]v1.Image) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range archs {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        images[arch],
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	annotated, _ := mutate.Annotations(index, about.labels()).(v1.ImageIndex) // What it returns for an index is one.
	return annotated
}

// layer packs files, and the folders above them, into a compressed layer. Owner and times are fixed.
func layer(files []File, at time.Time) (v1.Layer, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	folders := map[string]bool{"/": true}
	for _, f := range files {
		if err := writeFolders(w, path.Dir(f.Path), folders, at); err != nil {
			return nil, err
		}
		header := tar.Header{Name: name(f.Path), Typeflag: tar.TypeReg, Mode: int64(f.Mode), Size: int64(len(f.Content)), ModTime: at}
		if err := w.WriteHeader(&header); err != nil {
			return nil, fmt.Errorf("packing %s: %w", f.Path, err)
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, fmt.Errorf("packing %s: %w", f.Path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

func writeFolders(w *tar.Writer, folder string, written map[string]bool, at time.Time) error {
	if written[folder] {
		return nil
	}
	if err := writeFolders(w, path.Dir(folder), written, at); err != nil {
		return err
	}
	written[folder] = true
	return w.WriteHeader(&tar.Header{Name: name(folder) + "/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: at})
}

// name is a path as archives have it, without the slash before it.
func name(absolute string) string { return strings.TrimPrefix(absolute, "/") }
