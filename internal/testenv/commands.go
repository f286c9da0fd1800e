package testenv

import (
	"os"
	"strings"
	"testing"
)

// Commands returns the lines of the shell blocks that stand under a heading of the second level in a page, commands that are
// offered as comments included, so that a test can do what a reader does.
func Commands(t testing.TB, page, heading string) []string {
	t.Helper()
	content, err := os.ReadFile(page) //nolint:gosec // A test names a page of the project.
	if err != nil {
		t.Fatalf("reading the page: %v", err)
	}
	_, text, ok := strings.Cut(string(content), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no heading %q", page, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var commands []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case inside && line != "":
			commands = append(commands, line)
		}
	}
	return commands
}
