package testenv_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"spillway/internal/testenv"
)

// Errorf notes that the test failed, and goes on.
func (r *recorder) Errorf(format string, args ...any) { r.failed = fmt.Sprintf(format, args...) }

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "testdata", "x.golden")
	r := &recorder{TB: t}
	expectFailure := func(want string) {
		t.Helper()
		if want == "" && r.failed != "" || !strings.Contains(r.failed, want) {
			t.Fatalf("failed with %q, want %q", r.failed, want)
		}
		if r.failed != "" && !strings.Contains(r.failed, "make update-goldens") {
			t.Fatalf("%q does not say the cure", r.failed)
		}
		r.failed = ""
	}
	t.Setenv(testenv.UpdateVariable, "")
	func() {
		defer func() { _ = recover() }()
		testenv.Golden(r, path, []byte("one\n"))
	}()
	expectFailure("no such file")

	t.Setenv(testenv.UpdateVariable, "1")
	testenv.Golden(r, path, []byte("one\n"))
	expectFailure("")

	t.Setenv(testenv.UpdateVariable, "")
	testenv.Golden(r, path, []byte("one\n"))
	expectFailure("")
	testenv.Golden(r, path, []byte("two\n"))
	expectFailure("differs")
}
