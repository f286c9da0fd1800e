// Package config says what is wrong with a configuration: the key, the value and the cure, all errors at once.
package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Error is one fault in what the user gave. Programs that return one exit with code 2.
type Error struct {
	// Key is the flag, environment variable or file key, as the user writes it.
	Key string
	// Value is what was given; empty when nothing was.
	Value string
	// Problem says what is wrong with it and Cure what to give instead.
	Problem string
	Cure    string
}

// Error returns one line: key, value, problem, cure.
func (e *Error) Error() string {
	line := e.Key
	if e.Value != "" {
		line += fmt.Sprintf(" %q", e.Value)
	}
	line += ": " + e.Problem
	if e.Cure != "" {
		line += "; " + e.Cure
	}
	return line
}

// flagInText is a flag as it stands in an error.
var flagInText = regexp.MustCompile(`--([a-z][a-z-]*)`)

// Flags returns the names of the flags that the error speaks of, without their dashes: its own, and those that its problem and
// cure name.
func (e *Error) Flags() []string {
	var names []string
	for _, match := range flagInText.FindAllStringSubmatch(e.Key+" "+e.Problem+" "+e.Cure, -1) {
		names = append(names, match[1])
	}
	return names
}

// List returns the faults that are joined in err, one by one; what is not an Error is left out.
func List(err error) []*Error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []*Error
		for _, one := range joined.Unwrap() {
			list = append(list, List(one)...)
		}
		return list
	}
	if fault, ok := errors.AsType[*Error](err); ok {
		return []*Error{fault}
	}
	return nil
}

// Errors collects the faults of one configuration. The zero value is ready to use; it is not safe for concurrent use.
type Errors struct{ list []*Error }

// Add notes a fault.
func (e *Errors) Add(key, value, problem, cure string) {
	e.list = append(e.list, &Error{Key: key, Value: value, Problem: problem, Cure: cure})
}

// Append notes faults that were found elsewhere.
func (e *Errors) Append(faults ...*Error) { e.list = append(e.list, faults...) }

// Check notes a fault unless ok holds.
func (e *Errors) Check(ok bool, key string, value any, problem, cure string) {
	if !ok {
		e.Add(key, fmt.Sprint(value), problem, cure)
	}
}

// CheckAddress notes a fault unless address is host:port or :port, with a number for the port.
func (e *Errors) CheckAddress(key, address, cure string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	e.Check(err == nil, key, address, "is not an address", cure)
}

// domain is a DNS name with a dot.
var domain = regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\.)+[a-zA-Z]([a-zA-Z0-9-]*[a-zA-Z0-9])?$`)

// CheckDomain notes a fault unless name is empty or the domain of a cloud, such as googleapis.com.
func (e *Errors) CheckDomain(key, name string) {
	e.Check(name == "" || domain.MatchString(name), key, name, "is not a domain", "give one such as googleapis.com")
}

// Err returns all faults joined, or nil when there are none.
func (e *Errors) Err() error {
	joined := make([]error, len(e.list))
	for i, err := range e.list {
		joined[i] = err
	}
	return errors.Join(joined...)
}

// All returns the faults one by one, in the order in which they were noted.
func (e *Errors) All() []*Error { return e.list }

// Nearest returns the candidate that is closest to name by edit distance, and whether one is close enough
// (at most a third of its letters, and at least one, differ) to be what was meant. Capitals count as small letters.
func Nearest(name string, candidates []string) (string, bool) {
	best, found := "", false
	limit := max(1, len(name)/3) + 1
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < limit {
			best, limit, found = c, d, true
		}
	}
	return best, found
}

// distance is the Levenshtein distance in bytes, with one row of the table kept at a time.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := slices.Clone(row)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(prev[j+1]+1, row[j]+1, prev[j]+cost)
		}
	}
	return row[len(b)]
}
