package release

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
)

// SumsFile is the name of the file with the checksums.
const SumsFile = "SHA256SUMS"

// Sums are the checksums of a folder's files, as `sha256sum --check` reads them, in the order of their names.
func Sums(folder fs.FS) ([]byte, error) {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, fmt.Errorf("summing the release: %w", err)
	}
	var out bytes.Buffer
	for _, entry := range entries {
		if entry.Name() == SumsFile {
			continue
		}
		content, err := fs.ReadFile(folder, entry.Name())
		if err != nil {
			return nil, fmt.Errorf("summing the release: %w", err)
		}
		fmt.Fprintf(&out, "%x  %s\n", sha256.Sum256(content), entry.Name())
	}
	return out.Bytes(), nil
}
