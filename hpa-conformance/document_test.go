package conformance

import (
	"os"
	"strings"
	"testing"
)

// TestDocument holds that the document names every path and every mutant.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/hpa.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(text)
	for _, p := range paths() {
		if !strings.Contains(document, "| "+p.name+" |\n") {
			t.Errorf("docs/hpa.md does not name the path %q", p.name)
		}
	}
	for _, m := range mutants() {
		if !strings.Contains(document, "\n- "+m.name+"\n") {
			t.Errorf("docs/hpa.md does not name the mutant %q", m.name)
		}
	}
}
