// Package docs holds the documents against the code: their links lead somewhere, their commands are accepted, the flags and
// the picture of the imports are what the programs and the code say.
package docs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"spillway/internal/testenv"
)

// programs is a folder with the three binaries, made once by TestMain.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "docs-")
	if err == nil {
		programs = dir
		var out []byte
		if out, err = exec.Command("go", "build", "-o", dir+"/", "../cmd/...").CombinedOutput(); err != nil { //nolint:noctx // there is no test yet
			err = fmt.Errorf("building the programs: %w\n%s", err, out)
		}
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir) // in the temporary folder
	os.Exit(code)
}

// documents returns the paths of all Markdown files, from the repository's root.
func documents(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "-C", "..", "ls-files", "--cached", "--others", "--exclude-standard", "*.md").Output()
	if err != nil {
		t.Fatalf("listing the documents: %v", err)
	}
	return strings.Fields(string(out))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	fenced  = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the fragments that lead to a document's headings, as GitHub makes them.
func anchors(text string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		name := strings.NewReplacer("`", "", "*", "").Replace(m[1])
		all = append(all, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(name), ""), " ", "-"))
	}
	return all
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, path := range documents(t) {
		text := fenced.ReplaceAllString(read(t, path), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			to := path
			if target != "" {
				to = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(filepath.Join("..", to)); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
				continue
			}
			if fragment != "" && strings.HasSuffix(to, ".md") && !slices.Contains(anchors(read(t, to)), fragment) {
				t.Errorf("%s links to %s, which has no such heading", path, m[1])
			}
		}
	}
}

// series is a name of ours in a document.
var series = regexp.MustCompile("`((?:pubsub_(?:worker|subscription|exporter)|spillway_fleet|emulator_(?:topic|subscription))_[a-z_]+)")

// TestSeriesHaveTheirNames holds the series that documents speak of against metrics.md, which tests of the programs hold
// against what is served.
func TestSeriesHaveTheirNames(t *testing.T) {
	listed := read(t, "docs/metrics.md")
	for _, path := range documents(t) {
		for _, m := range series.FindAllStringSubmatch(read(t, path), -1) {
			if !strings.HasSuffix(m[1], "_") && !strings.Contains(listed, m[1]) {
				t.Errorf("%s speaks of %s, which docs/metrics.md does not list", path, m[1])
			}
		}
	}
}

// TestTheFlagsAreThoseOfThePrograms holds docs/flags.md against what the programs say of themselves.
func TestTheFlagsAreThoseOfThePrograms(t *testing.T) {
	var doc bytes.Buffer
	doc.WriteString("# Flags\n\nWhat each program says with `--help`; a test holds this page against them.\n")
	for _, name := range []string{"worker", "backlog-exporter", "spillway"} {
		help(t, &doc, name)
	}
	golden(t, "flags.md", doc.Bytes())
}

var subcommand = regexp.MustCompile(`(?m)^  ([a-z]+) `)

// help writes the help of a command and of those below it.
func help(t *testing.T, doc *bytes.Buffer, command ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, command[0]), append(command[1:], "--help")...)
	cmd.Env = []string{"HOME=/home/somebody"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s --help: %v", strings.Join(command, " "), err)
	}
	fmt.Fprintf(doc, "\n## %s\n\n```\n%s```\n", strings.Join(command, " "), out)
	_, rest, found := strings.Cut(string(out), "\nAvailable Commands:\n")
	if !found {
		return
	}
	list, _, _ := strings.Cut(rest, "\n\n")
	for _, m := range subcommand.FindAllStringSubmatch(list+"\n", -1) {
		if m[1] != "help" {
			help(t, doc, append(slices.Clone(command), m[1])...)
		}
	}
}

// golden is testenv.Golden for a document.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	testenv.Golden(t, path, got)
}
