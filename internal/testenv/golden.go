package testenv

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// UpdateVariable is the environment variable that, set to 1, makes Golden write files instead of comparing.
// `make update-goldens` sets it, for every package whose tests call Golden.
const UpdateVariable = "SPILLWAY_UPDATE_GOLDENS"

// Golden fails the test unless got is what the file at path holds. Paths begin with testdata/.
func Golden(t testing.TB, path string, got []byte) {
	t.Helper()
	if os.Getenv(UpdateVariable) == "1" {
		update(t, path, got)
		return
	}
	want, err := os.ReadFile(path) //nolint:gosec // a test names the file
	if err != nil {
		t.Fatalf("reading the golden file: %v; to write it, run: make update-goldens", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-golden +now); if it should, run: make update-goldens\n%s", path, diff)
	}
}

func update(t testing.TB, path string, got []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatalf("making the golden file's folder: %v", err)
	}
	if err := os.WriteFile(path, got, 0o600); err != nil {
		t.Fatalf("writing the golden file: %v", err)
	}
}
