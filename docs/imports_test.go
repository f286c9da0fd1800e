package docs

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The picture in architecture.md stands between these.
const (
	pictureBegins = "<!-- imports: begin -->\n"
	pictureEnds   = "<!-- imports: end -->\n"
)

// ground are the rooms that every program stands on; arrows to them would hide all others.
var ground = map[string]bool{
	"adc": true, "ask": true, "cgroup": true, "command": true, "config": true, "flagfile": true, "httpserver": true,
	"lifecycle": true, "logging": true, "terminal": true, "testenv": true, "tracing": true, "webstyle": true,
}

// TestThePictureIsOfTheRealImports draws who imports whom from the code itself and holds architecture.md against it.
func TestThePictureIsOfTheRealImports(t *testing.T) {
	text := read(t, "docs/architecture.md")
	before, rest, found := strings.Cut(text, pictureBegins)
	_, after, closed := strings.Cut(rest, pictureEnds)
	if !found || !closed {
		t.Fatalf("docs/architecture.md has no place for the picture: %s", pictureBegins)
	}
	golden(t, "architecture.md", []byte(before+pictureBegins+picture(t)+pictureEnds+after))
}

// picture is a Mermaid graph of the rooms. An arrow that a longer way implies is left out, as it says nothing more.
func picture(t *testing.T) string {
	t.Helper()
	arrows := imports(t)
	var out bytes.Buffer
	out.WriteString("```mermaid\ngraph LR\n")
	for _, from := range slices.Sorted(maps.Keys(arrows)) {
		for _, to := range slices.Sorted(maps.Keys(arrows[from])) {
			if !implied(arrows, from, to) {
				fmt.Fprintf(&out, "  %s --> %s\n", from, to)
			}
		}
	}
	out.WriteString("```\n")
	return out.String()
}

// imports returns the rooms that each room imports, tests aside.
func imports(t *testing.T) map[string]map[string]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./cmd/...", "./internal/...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	arrows := map[string]map[string]bool{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		from := room(words[0])
		if from == "" || ground[from] {
			continue
		}
		for _, imported := range words[1:] {
			if to := room(imported); to != "" && to != from && !ground[to] {
				if arrows[from] == nil {
					arrows[from] = map[string]bool{}
				}
				arrows[from][to] = true
			}
		}
	}
	return arrows
}

// room is the name of a package's room: cmd/worker, or the folder below internal.
func room(path string) string {
	path, ours := strings.CutPrefix(path, "spillway/")
	if !ours {
		return ""
	}
	if name, internal := strings.CutPrefix(path, "internal/"); internal {
		name, _, _ = strings.Cut(name, "/")
		return name
	}
	return path
}

// implied reports whether a longer way leads from one room to another.
func implied(arrows map[string]map[string]bool, from, to string) bool {
	for between := range arrows[from] {
		if between != to && reaches(arrows, between, to) {
			return true
		}
	}
	return false
}

func reaches(arrows map[string]map[string]bool, from, to string) bool {
	for next := range arrows[from] {
		if next == to || reaches(arrows, next, to) {
			return true
		}
	}
	return false
}
