package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	imagename "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Push uploads the index of an archive that WriteArchive wrote, under tag, with the credentials that `docker login` left. It
// returns the digest to pin, which is that of the archive.
func Push(ctx context.Context, archive string, tag imagename.Tag) (v1.Hash, error) {
	folder, err := os.MkdirTemp("", "spillway-push-")
	if err != nil {
		return v1.Hash{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	index, err := open(archive, folder)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("reading %s: %w", archive, err)
	}
	if err := remote.WriteIndex(tag, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return v1.Hash{}, fmt.Errorf("pushing %s: %w", tag, err)
	}
	return index.Digest()
}

// open unpacks an archive into folder and returns its one index.
func open(archive, folder string) (v1.ImageIndex, error) {
	if err := unpack(archive, folder); err != nil {
		return nil, err
	}
	outer, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return nil, err
	}
	list, err := outer.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(list.Manifests) != 1 {
		return nil, fmt.Errorf("it holds %d images, want 1", len(list.Manifests))
	}
	return outer.ImageIndex(list.Manifests[0].Digest)
}

func unpack(archive, folder string) error {
	in, err := os.Open(archive) //nolint:gosec // The user says which.
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for r := tar.NewReader(in); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		if err := write(root, filepath.FromSlash(header.Name), r); err != nil {
			return err
		}
	}
}

// write writes one file below root; os.Root refuses names that lead out of it.
func write(root *os.Root, file string, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	out, err := root.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, content)
	return errors.Join(err, out.Close())
}
