// Package release makes what a release holds beside images: archives, bills of materials, manifests, notes and checksums. All of it
// is a function of its inputs, so that anybody can make a release again and compare.
package release

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// File is a file of an archive.
type File struct {
	Name    string // With slashes, below the archive's folder.
	Content []byte
	Mode    fs.FileMode
}

// TarGz writes files below folder. Owner and times are fixed.
func TarGz(out io.Writer, folder string, files []File, at time.Time) error {
	packed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(packed)
	for _, f := range files {
		header := tar.Header{Name: folder + "/" + f.Name, Typeflag: tar.TypeReg, Mode: int64(f.Mode), Size: int64(len(f.Content)), ModTime: at}
		if err := w.WriteHeader(&header); err != nil {
			return fmt.Errorf("packing %s: %w", f.Name, err)
		}
		if _, err := w.Write(f.Content); err != nil {
			return fmt.Errorf("packing %s: %w", f.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return packed.Close()
}

// Zip is TarGz for Windows.
func Zip(out io.Writer, folder string, files []File, at time.Time) error {
	w := zip.NewWriter(out)
	for _, f := range files {
		header := zip.FileHeader{Name: folder + "/" + f.Name, Method: zip.Deflate, Modified: at.UTC()}
		header.SetMode(f.Mode)
		entry, err := w.CreateHeader(&header)
		if err != nil {
			return fmt.Errorf("packing %s: %w", f.Name, err)
		}
		if _, err := entry.Write(f.Content); err != nil {
			return fmt.Errorf("packing %s: %w", f.Name, err)
		}
	}
	return w.Close()
}
