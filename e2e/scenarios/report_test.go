package scenarios

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"spillway/e2e/report"
)

// reportFolder is where results stay.
const reportFolder = "../../build/e2e"

// console is where people read along; t.Log would put a file name before each line.
func console() io.Writer { return os.Stdout }

// section begins a scenario's section and prints its heading. It is saved when the test ends, passed or not.
func (s *stage) section(order int, name, title, text string) *report.Section {
	s.t.Helper()
	section := &report.Section{Order: order, Name: name, Title: title, Text: text, Factor: s.factor, Begun: time.Now()}
	fmt.Fprintf(console(), "\n=== %s: %s (factor %d)\n", name, title, s.factor)
	s.t.Cleanup(func() {
		section.Passed = !s.t.Failed() && !s.t.Skipped()
		if section.Result == "" {
			section.Result = "it did not come to a result"
		}
		if err := report.Save(reportFolder, section); err != nil {
			s.t.Error(err)
		}
	})
	return section
}

// result prints the scenario's last line.
func result(t *testing.T, section *report.Section, format string, args ...any) {
	t.Helper()
	section.Result = fmt.Sprintf("result %s: %s; factor %d", section.Name, fmt.Sprintf(format, args...), section.Factor)
	fmt.Fprintln(console(), section.Result)
}
