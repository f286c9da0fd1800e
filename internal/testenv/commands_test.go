package testenv

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCommands(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	text := "# Page\n\n## First\n```sh\nno\n```\n\n## Second\ntext\n```sh\none\n\n# two\n```\n```yaml\nno: 1\n```\n### Deeper\n```sh\nthree\n```\n\n## Third\n```sh\nno\n```\n"
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one", "# two", "three"}, Commands(t, page, "Second")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
