package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// event is one line of `go test -json`, as `go doc test2json` describes it. Build output has no Package.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// unit is a test, or a package where test is empty.
type unit struct{ pkg, test string }

// summary counts the results and keeps the output of what has not ended yet.
type summary struct {
	out                     io.Writer
	kept                    map[unit]*strings.Builder
	failedIn                map[string]int
	passed, failed, skipped int
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, kept: map[unit]*strings.Builder{}, failedIn: map[string]int{}}
}

// read takes every event of in. A line that is no event is printed as it is. Lines have no bound: a test's output is one.
func (s *summary) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) == 0:
		case json.Unmarshal(line, &e) == nil && e.Action != "":
			s.take(e)
		default:
			fmt.Fprintf(s.out, "%s", line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
	}
}

// end prints the totals and reports whether nothing failed.
func (s *summary) end() bool {
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
	return s.failed == 0
}

func (s *summary) take(e event) {
	u := unit{e.Package, e.Test}
	switch {
	case e.Action == "build-output":
		fmt.Fprint(s.out, e.Output)
	case e.Action == "output":
		s.keep(u, e.Output)
	case e.Test == "":
		s.endPackage(u, e.Action)
	default:
		s.endTest(u, e.Action)
	}
}

func (s *summary) keep(u unit, output string) {
	if s.kept[u] == nil {
		s.kept[u] = new(strings.Builder)
	}
	s.kept[u].WriteString(output)
}

// drop forgets what is kept for u and returns it.
func (s *summary) drop(u unit) string {
	kept := s.kept[u]
	delete(s.kept, u)
	if kept == nil {
		return ""
	}
	return kept.String()
}

func (s *summary) endTest(u unit, action string) {
	switch action {
	case "pass":
		s.passed++
		s.drop(u)
	case "skip":
		s.skipped++
		fmt.Fprintf(s.out, "SKIP\t%s\t%s: %s\n", u.pkg, u.test, reason(s.drop(u)))
	case "fail":
		s.failed++
		s.failedIn[u.pkg]++
		fmt.Fprint(s.out, s.drop(u))
	}
}

// endPackage prints a package's own line. A package that fails without a failed test (it does not build, or its binary
// died) counts as one failure, and whatever its tests had written so far is printed.
func (s *summary) endPackage(u unit, action string) {
	output := s.drop(u)
	switch action {
	case "pass":
		fmt.Fprint(s.out, lastLine(output))
	case "fail":
		if s.failedIn[u.pkg] == 0 {
			s.failed++
		}
		for other := range s.kept {
			if other.pkg == u.pkg {
				fmt.Fprint(s.out, s.drop(other))
			}
		}
		fmt.Fprint(s.out, output)
	}
}

// reason is what a skipped test said, without the position and the lines that go test adds.
func reason(output string) string {
	for line := range strings.Lines(output) {
		if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "=== ") && !strings.HasPrefix(trimmed, "--- ") {
			return trimmed
		}
	}
	return "no reason given"
}

// lastLine returns the last line of output, with its line break.
func lastLine(output string) string {
	return output[strings.LastIndex(strings.TrimSuffix(output, "\n"), "\n")+1:]
}
