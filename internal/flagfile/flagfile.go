// Package flagfile reads YAML files whose keys are flags: some at the top, others in the sections of one list.
package flagfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"spillway/internal/config"
)

// maxSize bounds a file, in bytes.
const maxSize = 1 << 20

// File is a file that was read. Flags are set from it with Section.Set.
type File struct {
	Top      Section
	Sections []Section
}

// Section is one mapping of keys to values, in the order of the file.
type Section struct {
	file    string // for people
	line    int
	entries []entry
}

// entry is one key. A key with a list has several values.
type entry struct {
	key    string
	values []string
	line   int
}

// Read reads the file at path, whose sections are in the list of the given key. All faults of its form are config.Errors, each
// with its line.
func Read(path, list string) (*File, error) {
	f, err := os.Open(path) //nolint:gosec // The path is the operator's.
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(content) > maxSize {
		return nil, &config.Error{Key: path, Problem: "is larger than 1 MiB", Cure: "give a configuration file"}
	}
	return parse(filepath.Base(path), content, list)
}

func unreadable(path string, err error) error {
	if wrapped, ok := errors.AsType[*os.PathError](err); ok {
		err = wrapped.Err
	}
	return &config.Error{Key: path, Problem: "cannot be read: " + err.Error(), Cure: "give the path of a YAML file"}
}

func parse(name string, content []byte, list string) (*File, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, &config.Error{Key: name, Problem: "is empty", Cure: "give it the key " + list}
	} else if err != nil {
		return nil, &config.Error{Key: name, Problem: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &config.Error{Key: name, Problem: "holds more than one document", Cure: "leave out what follows ---"}
	}
	p := parser{file: name, list: list}
	file := p.root(document.Content[0])
	return file, p.errs.Err()
}

// parser collects the faults of a file.
type parser struct {
	file, list string
	errs       config.Errors
}

func (p *parser) fault(line int, key, problem, cure string) {
	p.errs.Add(strings.TrimSpace(fmt.Sprintf("%s:%d %s", p.file, line, key)), "", problem, cure)
}

func (p *parser) root(n *yaml.Node) *File {
	file := &File{Top: Section{file: p.file, line: n.Line}}
	p.pairs(n, func(key, value *yaml.Node) {
		if key.Value != p.list {
			p.add(&file.Top, key, value)
			return
		}
		if value.Kind != yaml.SequenceNode || len(value.Content) == 0 {
			p.fault(key.Line, p.list, "is not a list", "give a list of mappings")
			return
		}
		for _, item := range value.Content {
			s := Section{file: p.file, line: item.Line}
			p.pairs(item, func(key, value *yaml.Node) { p.add(&s, key, value) })
			file.Sections = append(file.Sections, s)
		}
	})
	return file
}

// pairs calls each for the keys of a mapping, the first of each name.
func (p *parser) pairs(n *yaml.Node, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.fault(n.Line, "", "is not a mapping", "give keys and values, key: value")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		first, twice := seen[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			p.fault(key.Line, "", "is not a plain key", "give keys and values, key: value")
		case twice:
			p.fault(key.Line, key.Value, fmt.Sprintf("stands in line %d already", first), "leave one of them out")
		default:
			seen[key.Value] = key.Line
			each(key, n.Content[i+1])
		}
	}
}

// add appends an entry.
func (p *parser) add(s *Section, key, value *yaml.Node) {
	e := entry{key: key.Value, line: key.Line}
	items := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		items = value.Content
	}
	for _, item := range items {
		switch {
		case item.Kind == yaml.AliasNode:
			p.fault(item.Line, key.Value, "is an alias", "write the value out")
			return
		case item.Kind != yaml.ScalarNode:
			p.fault(item.Line, key.Value, "is not a value", "give a single value, or a list of values")
			return
		case item.Tag == "!!null":
			p.fault(item.Line, key.Value, "has no value", "give one, or leave the key out")
			return
		}
		e.values = append(e.values, item.Value)
	}
	s.entries = append(s.entries, e)
}
