// Command summary reads the events of `go test -json` and prints what a person wants to know: a line for each package,
// the output of what failed, each skipped test with its reason, and the totals.
package main

import (
	"fmt"
	"os"
)

func main() {
	s := newSummary(os.Stdout)
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
	if !s.end() {
		os.Exit(1)
	}
}
