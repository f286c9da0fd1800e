// Package flagfile reads YAML files whose keys are flags: some at the top, others in the sections of one list.
package flagfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
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
	// Faults are those of the file's form that leave the rest readable, each with its line.
	Faults config.Errors
}

// Section is one mapping of keys to values, in the order of the file.
type Section struct {
	file    string // for people
	line    int
	entries []entry
	broken  map[string]bool // keys whose value is not known; "" when there may be any
}

// entry is one key. A key with a list has several values.
type entry struct {
	key    string
	values []string
	line   int
	fault  *config.Error // instead of values
}

// Read reads the file at path, whose sections are in the list of the given key. A file of which nothing can be read is a
// config.Error; all other faults of its form are in the File.
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
	return parse(path, content, list)
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
		return nil, malformed(name, content, err)
	}
	p := parser{file: name, list: list}
	file := p.root(document.Content[0])
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		file.Faults.Add(name, "", "holds more than one document", "leave out what follows ---")
	}
	return file, nil
}

// parser collects the faults of a file.
type parser struct {
	file, list string
	errs       config.Errors
}

func (p *parser) fault(line int, key, problem, cure string) {
	p.errs.Append(p.newFault(line, key, problem, cure))
}

func (p *parser) newFault(line int, key, problem, cure string) *config.Error {
	return &config.Error{Key: strings.TrimSpace(fmt.Sprintf("%s:%d %s", p.file, line, key)), Problem: problem, Cure: cure}
}

func (p *parser) section(line int) Section {
	return Section{file: p.file, line: line, broken: map[string]bool{}}
}

func (p *parser) root(n *yaml.Node) *File {
	file := &File{Top: p.section(n.Line)}
	p.pairs(n, &file.Top, func(key, value *yaml.Node) {
		if key.Value == p.list {
			file.Sections = p.sections(key, value, &file.Top)
			return
		}
		p.add(&file.Top, key, value)
	})
	file.Faults = p.errs
	return file
}

// sections reads the list of sections. What is no section is left out.
func (p *parser) sections(key, value *yaml.Node, top *Section) []Section {
	const cure = "give a list of mappings"
	top.broken[p.list] = true
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
		p.fault(key.Line, p.list, "has no value", cure)
		return nil
	case value.Kind != yaml.SequenceNode:
		p.fault(key.Line, p.list, "is not a list", cure)
		return nil
	case len(value.Content) == 0:
		p.fault(key.Line, p.list, "is an empty list", cure)
		return nil
	}
	var list []Section
	for _, item := range value.Content {
		s := p.section(item.Line)
		if p.pairs(item, &s, func(key, value *yaml.Node) { p.add(&s, key, value) }) {
			list = append(list, s)
		}
	}
	top.broken[p.list] = len(list) == 0
	return list
}

// pairs calls each for the keys of a mapping, the first of each name, and reports whether it is a mapping.
func (p *parser) pairs(n *yaml.Node, s *Section, each func(key, value *yaml.Node)) bool {
	if n.Kind != yaml.MappingNode {
		p.fault(n.Line, "", "is not a mapping", "give keys and values, key: value")
		s.broken[""] = true
		return false
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		first, twice := seen[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			p.fault(key.Line, "", "is not a plain key", "give keys and values, key: value")
			s.broken[""] = true
		case twice:
			p.fault(key.Line, key.Value, fmt.Sprintf("stands in line %d already", first), "leave one of them out")
		default:
			seen[key.Value] = key.Line
			each(key, n.Content[i+1])
		}
	}
	return true
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
		case e.fault != nil:
		case item.Kind == yaml.AliasNode:
			e.fault = p.newFault(item.Line, key.Value, "is an alias", "write the value out")
		case item.Kind != yaml.ScalarNode:
			e.fault = p.newFault(item.Line, key.Value, "is not a value", "give a single value, or a list of values")
		case item.Tag == "!!null":
			e.fault = p.newFault(item.Line, key.Value, "has no value", "give one, or leave the key out")
		default:
			e.values = append(e.values, item.Value)
		}
	}
	s.entries = append(s.entries, e)
}
