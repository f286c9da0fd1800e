package docs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// elsewhere marks a command that is not tried here. Where it runs is said behind it in the document.
var elsewhere = regexp.MustCompile(`# .*needs (a cloud|a cluster|Docker)`)

// A command of a document, continued lines joined.
type command struct {
	path, text, comment string
}

// shown is a command of ours in a block that shows what it prints. What else stands there is for the reader's shell.
var shown = regexp.MustCompile(`(?m)^\$ ((?:[A-Z_]+=\S+ )*(?:bin/)?(?:worker|backlog-exporter|spillway|make) .*)$`)

// commands returns every command in the blocks that are marked sh, and those of ours in blocks that show what they print.
func commands(t *testing.T) []command {
	t.Helper()
	var all []command
	for _, path := range documents(t) {
		for _, m := range fenced.FindAllStringSubmatch(read(t, path), -1) {
			block := strings.ReplaceAll(m[2], "\\\n", " ")
			if m[1] != "sh" {
				for _, one := range shown.FindAllStringSubmatch(block, -1) {
					all = append(all, command{path: path, text: one[1]})
				}
				continue
			}
			for line := range strings.Lines(block) {
				text, comment, _ := strings.Cut(strings.TrimSpace(line), " # ")
				if text = strings.TrimSpace(text); text != "" && !strings.HasPrefix(text, "#") {
					all = append(all, command{path, text, comment})
				}
			}
		}
	}
	return all
}

// variable is an assignment before a command, or the whole of an export.
var variable = regexp.MustCompile(`^(export )?[A-Z_]+=\S*\s*`)

// TestCommandsAreAccepted tries every command of the documents as far as that needs no cloud: those of the programs are
// parsed by them, make's targets and the folders of kustomizations exist.
func TestCommandsAreAccepted(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, c := range commands(t) {
		if elsewhere.MatchString("# "+c.comment) || c.path == "docs/kubernetes.md" { // The latter's are run by deploy's tests.
			continue
		}
		text := c.text
		for variable.MatchString(text) {
			text = variable.ReplaceAllString(text, "")
		}
		if text == "" {
			continue
		}
		words := split(t, text)
		switch name := strings.TrimPrefix(words[0], "bin/"); name {
		case "worker", "backlog-exporter", "spillway":
			if err := parses(t, name, words[1:]); err != nil {
				t.Errorf("%s: %s: %v", c.path, c.text, err)
			}
		case "make":
			for _, word := range words[1:] {
				if !strings.Contains(word, "=") && !strings.Contains(makefile, "\n"+word+":") {
					t.Errorf("%s: %s: there is no target %s", c.path, c.text, word)
				}
			}
		case "kubectl":
			for i, word := range words {
				if (word == "-k" || word == "-f" || word == "kustomize") && i+1 < len(words) && strings.HasPrefix(words[i+1], "deploy/") {
					if _, err := os.Stat(filepath.Join("..", words[i+1])); err != nil {
						t.Errorf("%s: %s: %v", c.path, c.text, err)
					}
				}
			}
		case "gcloud", "helm": // They need a cloud, as everybody knows.
		case "curl", "git", "cd", "go", "docker", "cat", "apt-get", "python3", "node", "java", "deploy/load-test.sh":
		default:
			t.Errorf("%s: %s: %s is no command that this test knows; try it here, or mark it with: # needs a cloud", c.path, c.text, words[0])
		}
	}
}

// parses lets a program read its arguments, but do nothing.
func parses(t *testing.T, name string, args []string) error {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(programs, name), append(args, "--help")...).CombinedOutput()
	if err != nil {
		return errors.New(string(out))
	}
	return nil
}

// split splits a command into words as a shell does, quotes included; of a pipeline it takes the first command.
func split(t *testing.T, text string) []string {
	t.Helper()
	var words []string
	var word strings.Builder
	quote, some := rune(0), false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, some = r, true
		case r == '|' || r == '&' || r == ';' || r == '>':
			if some || word.Len() > 0 {
				words = append(words, word.String())
			}
			return words
		case r == ' ':
			if some || word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
			some = false
		default:
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		t.Fatalf("%s: a quote is open", text)
	}
	if some || word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}

func TestSplit(t *testing.T) {
	for text, want := range map[string]string{
		`a b`:                 "a|b",
		`a 'b c' "d"`:         "a|b c|d",
		`a --x='{"y":1}' | b`: `a|--x={"y":1}`,
		`a '' && b`:           "a|",
	} {
		if got := strings.Join(split(t, text), "|"); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
