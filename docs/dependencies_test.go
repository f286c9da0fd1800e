package docs

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var (
	required = regexp.MustCompile(`(?m)^(?:require|tool)? ?\t?([a-z0-9.-]+\.[a-z]+/\S+)(?: v\S+)?$`)
	path     = regexp.MustCompile(`[\w.-]+(?:/[\w.-]+)*`)
)

// TestEveryDependencyHasItsRow holds decision 4 against what the go.mod files ask for themselves.
func TestEveryDependencyHasItsRow(t *testing.T) {
	names := map[string]bool{}
	for _, name := range path.FindAllString(read(t, "docs/decisions/0004-dependencies.md"), -1) {
		names[name] = true
	}
	out, err := exec.CommandContext(t.Context(), "git", "-C", "..", "ls-files", "go.mod", "*/go.mod").Output()
	if err != nil {
		t.Fatalf("listing the modules: %v", err)
	}
	seen := 0
	for file := range strings.FieldsSeq(string(out)) {
		for _, m := range required.FindAllStringSubmatch(read(t, file), -1) { // A line with // indirect ends otherwise.
			seen++
			if !hasRow(names, m[1]) {
				t.Errorf("%s asks for %s, of which docs/decisions/0004-dependencies.md has no row", file, m[1])
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d dependencies were found", seen)
	}
}

// hasRow reports whether the table names the module, or the module or repository that it is a part of. Of modules on GitHub
// it leaves out the host.
func hasRow(names map[string]bool, module string) bool {
	name := strings.TrimPrefix(module, "github.com/")
	for strings.Contains(name, "/") {
		if names[name] {
			return true
		}
		name = name[:strings.LastIndex(name, "/")]
	}
	return names[name]
}
