package flagfile

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"spillway/internal/config"
)

// maxTries bounds how many lines are gone back from the end of what was read to the line that is wrong.
const maxTries = 200

// parserLine is where the parser noticed, which is often the line where the surrounding list or mapping begins.
var parserLine = regexp.MustCompile(`^(yaml: )?(line [0-9]+: )?`)

// malformed says where content stops to be YAML, and what to do about it.
func malformed(name string, content []byte, err error) error {
	fault := &config.Error{Key: name, Problem: "is not YAML: " + parserLine.ReplaceAllString(err.Error(), ""), Cure: "look for quotes and brackets that are not closed"}
	lines := bytes.SplitAfter(content, []byte("\n"))
	line := wrongLine(lines)
	if line == 0 {
		return fault
	}
	fault.Key = fmt.Sprintf("%s:%d", name, line)
	text := lines[line-1]
	indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
	switch {
	case bytes.ContainsRune(indent, '\t'):
		fault.Problem, fault.Cure = "is indented with a tab", "indent with spaces"
	case strings.Contains(fault.Problem, "did not find expected key"), strings.Contains(fault.Problem, "mapping values"),
		strings.Contains(fault.Problem, "'-' indicator"):
		fault.Cure = "indent all keys of a mapping, and all items of a list, by the same number of spaces; quote a value that has \": \" in it"
	}
	return fault
}

// wrongLine returns the first line, from 1, that what stands before it cannot be followed by; 0 if it is not among the last that
// were read.
func wrongLine(lines [][]byte) int {
	r := &lineReader{lines: lines}
	var document yaml.Node
	_ = yaml.NewDecoder(r).Decode(&document) // It is known to fail; how far it reads is what counts.
	for n := r.read - 1; n >= max(0, r.read-maxTries); n-- {
		err := yaml.Unmarshal(bytes.Join(lines[:n], nil), &document)
		if err == nil {
			return n + 1
		}
	}
	return 0
}

// lineReader gives one line at a time, so that what has been read shows where the parser was.
type lineReader struct {
	lines [][]byte
	rest  []byte
	read  int // lines
}

// Read implements io.Reader.
func (r *lineReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.read == len(r.lines) {
			return 0, io.EOF
		}
		r.rest = r.lines[r.read]
		r.read++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
