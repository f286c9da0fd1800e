package image

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	imagename "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// WriteArchive writes an index as one file that every tool takes: an OCI image layout (`skopeo copy oci-archive:`,
// `podman load`, `ctr images import`, Docker with containerd's store), and beside it the manifest.json by which an older
// `docker load` finds the images; there the one for amd64 has the tag, and each other one the tag with -ARCH behind it.
func WriteArchive(file string, tag imagename.Tag, index v1.ImageIndex) (err error) {
	folder, err := os.MkdirTemp("", "spillway-image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	outer := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{
		Add: index,
		Descriptor: v1.Descriptor{Annotations: map[string]string{
			"org.opencontainers.image.ref.name": tag.TagStr(),
			"io.containerd.image.name":          containerdName(tag),
		}},
	})
	if _, err := layout.Write(folder, outer); err != nil {
		return fmt.Errorf("writing the layout: %w", err)
	}
	manifest, err := dockerManifest(tag, index)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "manifest.json"), manifest, 0o600); err != nil {
		return err
	}
	out, err := os.Create(file) //nolint:gosec // The user says where.
	if err != nil {
		return err
	}
	defer func() {
		if closing := out.Close(); err == nil {
			err = closing
		}
	}()
	return pack(out, folder)
}

// containerdName is the whole name, with Docker's registry as containerd writes it.
func containerdName(tag imagename.Tag) string {
	return strings.Replace(tag.Name(), imagename.DefaultRegistry+"/", "docker.io/", 1)
}

// dockerManifest is what `docker save` writes since Docker 25: it points into the layout's blobs.
func dockerManifest(tag imagename.Tag, index v1.ImageIndex) ([]byte, error) {
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, d := range list.Manifests {
		image, err := index.Image(d.Digest)
		if err != nil {
			return nil, err
		}
		manifest, err := image.Manifest()
		if err != nil {
			return nil, err
		}
		repoTag := tag.String()
		if d.Platform.Architecture != "amd64" {
			repoTag += "-" + d.Platform.Architecture
		}
		e := entry{Config: blob(manifest.Config.Digest), RepoTags: []string{repoTag}}
		for _, l := range manifest.Layers {
			e.Layers = append(e.Layers, blob(l.Digest))
		}
		entries = append(entries, e)
	}
	return json.Marshal(entries)
}

func blob(h v1.Hash) string { return path.Join("blobs", h.Algorithm, h.Hex) }

// pack writes a folder as a tar whose bytes depend on the content alone: WalkDir's order is by name.
func pack(out io.Writer, folder string) error {
	w := tar.NewWriter(out)
	err := filepath.WalkDir(folder, func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == folder {
			return err
		}
		relative, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return w.WriteHeader(&tar.Header{Name: filepath.ToSlash(relative) + "/", Typeflag: tar.TypeDir, Mode: 0o755})
		}
		content, err := os.ReadFile(file) //nolint:gosec // A file that this program wrote.
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: filepath.ToSlash(relative), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		return fmt.Errorf("packing the image: %w", err)
	}
	return w.Close()
}
