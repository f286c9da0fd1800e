package docs

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// rowName is the name of a benchmark's row at the begin of a table's line.
var rowName = regexp.MustCompile("(?m)^\\| `([a-z0-9]+(?:_[a-z0-9]+)+)` \\|")

// TestRowsHaveTheirNames holds the rows of the benchmarks that are listed against what the benchmarks print.
func TestRowsHaveTheirNames(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "git", "-C", "..", "ls-files", "bench/*.go", "hpa-conformance/*.go").Output()
	if err != nil {
		t.Fatalf("listing the benchmarks: %v", err)
	}
	var code strings.Builder
	for path := range strings.FieldsSeq(string(out)) {
		text, err := os.ReadFile("../" + path)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	for _, path := range []string{"docs/performance.md", "docs/hpa.md"} {
		rows := rowName.FindAllStringSubmatch(read(t, path), -1)
		if len(rows) < 5 {
			t.Errorf("%s lists only %d rows", path, len(rows))
		}
		for _, m := range rows {
			if !strings.Contains(code.String(), `"`+m[1]+`"`) && !strings.Contains(code.String(), `"`+m[1]+` `) {
				t.Errorf("%s lists the row %s, which no benchmark prints", path, m[1])
			}
		}
	}
}
