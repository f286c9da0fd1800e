package monitoring

import (
	"slices"
)

// expr is a parsed filter: a tree of and, or, not and comparisons.
type expr interface {
	// matches evaluates the filter on something that has fields.
	matches(field func(name string) string) bool
	// each visits every comparison.
	each(visit func(*comparison))
}

type (
	and []expr
	or  []expr
	not struct{ expr }
)

// comparison tests one field. equals is set for plain "field = value".
type comparison struct {
	field  string // canonical: metric.type, metric.labels.KEY, resource.type, resource.labels.KEY or project
	at     int    // its byte offset in the filter
	equals *string
	test   func(value string) bool
}

func (e and) matches(field func(string) string) bool {
	return !slices.ContainsFunc(e, func(x expr) bool { return !x.matches(field) })
}

func (e or) matches(field func(string) string) bool {
	return slices.ContainsFunc(e, func(x expr) bool { return x.matches(field) })
}

func (e not) matches(field func(string) string) bool         { return !e.expr.matches(field) }
func (e *comparison) matches(field func(string) string) bool { return e.test(field(e.field)) }

func (e and) each(visit func(*comparison))         { eachOf(e, visit) }
func (e or) each(visit func(*comparison))          { eachOf(e, visit) }
func (e *comparison) each(visit func(*comparison)) { visit(e) }

func eachOf(all []expr, visit func(*comparison)) {
	for _, e := range all {
		e.each(visit)
	}
}
