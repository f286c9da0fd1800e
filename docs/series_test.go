package docs

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// named is a series' whole name as it stands in the code. The emulator's are put together, and held by its own test.
var named = regexp.MustCompile(`"((?:pubsub_worker|pubsub_exporter|spillway_fleet)(?:_[a-z]+)+)"`)

// TestEverySeriesIsListed holds docs/metrics.md against the names in the code, both ways, whatever flag a series needs to be
// served. Rows of series that others name (Monitoring's) are held by the exporter's golden scrape.
func TestEverySeriesIsListed(t *testing.T) {
	page := read(t, "docs/metrics.md")
	inCode := seriesInCode(t)
	if len(inCode) < 50 {
		t.Fatalf("only %d series found in the code", len(inCode))
	}
	for _, name := range slices.Sorted(maps.Keys(inCode)) {
		base := name
		for _, part := range []string{"_sum", "_count", "_bucket"} {
			base = strings.TrimSuffix(base, part)
		}
		if !strings.Contains(page, "`"+base+"`") && !strings.Contains(page, "`"+base+"{") {
			t.Errorf("docs/metrics.md does not list %s, which %s serves", name, inCode[name])
		}
	}
	row := regexp.MustCompile("(?m)^\\| `((?:pubsub_worker|pubsub_exporter|spillway_fleet)_[a-z_]+)[`{]")
	for _, m := range row.FindAllStringSubmatch(page, -1) {
		if inCode[m[1]] == "" {
			t.Errorf("docs/metrics.md lists %s, which nothing serves", m[1])
		}
	}
}

// seriesInCode returns the names of series in the code, tests aside, each with a file that has it.
func seriesInCode(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir("../internal", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range named.FindAllSubmatch(text, -1) {
			found[string(m[1])] = path
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
