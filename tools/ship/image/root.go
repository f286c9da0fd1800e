package image

import (
	"archive/zip"
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// User is who the programs run as: the "nonroot" of other minimal images.
const User = "65532:65532"

// File is a file of an image; folders are made as files need them.
type File struct {
	Path    string // Absolute, with slashes.
	Content []byte
	Mode    fs.FileMode
}

// Root is what every image holds beside its program: the authorities' certificates, the time zones, and a name for the user.
// zones is Go's zoneinfo.zip. It is sorted by path.
func Root(zones string) ([]File, error) {
	files := []File{
		{Path: "/etc/group", Content: []byte("root:x:0:\nnonroot:x:65532:\n"), Mode: 0o644},
		{Path: "/etc/passwd", Content: []byte("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"), Mode: 0o644},
		{Path: "/etc/ssl/certs/ca-certificates.crt", Content: certificates(), Mode: 0o644},
	}
	unpacked, err := zoneFiles(zones)
	if err != nil {
		return nil, fmt.Errorf("reading the time zones of Go: %w", err)
	}
	files = append(files, unpacked...)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// certificates are Mozilla's authorities, as PEM. Those that Mozilla trusts only for certificates issued before some day are
// left out: a file of certificates cannot say that, and none of Google's names hang on them.
func certificates() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // A buffer takes everything.
		}
	}
	return out.Bytes()
}

func zoneFiles(archive string) ([]File, error) {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	var files []File
	for _, f := range r.File {
		if f.FileInfo().IsDir() {
			continue
		}
		content, err := read(f)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.Name, err)
		}
		files = append(files, File{Path: "/usr/share/zoneinfo/" + f.Name, Content: content, Mode: 0o644})
	}
	if len(files) == 0 {
		return nil, errors.New("the archive is empty")
	}
	return files, nil
}

func read(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

// Unpack writes files below a folder, as a Dockerfile copies them.
func Unpack(files []File, folder string) error {
	for _, f := range files {
		target := filepath.Join(folder, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // Everybody may read an image's folders.
			return err
		}
		if err := os.WriteFile(target, f.Content, f.Mode); err != nil {
			return err
		}
	}
	return nil
}
