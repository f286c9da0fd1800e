package programs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// module writes a module that holds one program.
func module(t *testing.T, content string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "thing")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"go.mod": "module thing\n\ngo 1.26\n", "go.sum": "", "main.go": content} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const program = "package main\n\nfunc main() {}\n"

func TestTheCacheGoesByWhatIsBuilt(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := func(content string) string {
		t.Helper()
		dir, err := cacheDir(module(t, content))
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	first := dir(program)
	if again := dir(program); again != first {
		t.Errorf("another clone of the same sources is kept in %s, not in %s", again, first)
	}
	if other := dir(program + "// x\n"); other == first {
		t.Error("other sources are kept in the same folder")
	}
}

func TestALargeProgramIsBuiltOnce(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, to := module(t, program), &testWriter{t}
	l := large{module: "thing", what: "the thing", packages: []string{"."}}
	if err := l.build(t.Context(), dir, to); err != nil {
		t.Fatal(err)
	}
	cached, err := cacheDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	path, err := exists(filepath.Join(cached, "thing"))
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.build(t.Context(), dir, to); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was built again (%v)", err)
	}
}

func TestABuildThatFailsLeavesNothing(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := module(t, "package main\n\nfunc main() { x }\n")
	if err := (large{what: "the thing", packages: []string{"."}}).build(t.Context(), dir, &testWriter{t}); err == nil {
		t.Fatal("no error")
	}
	cached, err := cacheDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(cached)); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	if _, err := exists(cached); !errors.Is(err, ErrMissing) {
		t.Errorf("the error is %v, want one that names make e2e-build", err)
	}
}

type testWriter struct{ t *testing.T }

func (w *testWriter) Write(text []byte) (int, error) {
	w.t.Logf("%s", text)
	return len(text), nil
}
