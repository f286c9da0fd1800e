package monitoring

import (
	"slices"
	"strings"
)

const (
	// maxFilterLength leaves room for a one_of over some hundred subscriptions.
	maxFilterLength = 32 << 10
	maxFilterDepth  = 50
)

// parseFilter reads a Monitoring filter. Comparisons are joined by AND, by OR, which binds tighter, or by standing side by side,
// which is AND; NOT or a minus negates. The right side is a string, or one of the functions starts_with, ends_with,
// has_substring, one_of and monitoring.regex.full_match; the operators are =, != and the colon for "contains".
// An empty filter matches everything.
func parseFilter(filter string) (expr, error) {
	if len(filter) > maxFilterLength {
		return nil, filterErrorf(maxFilterLength, "the filter is longer than %d bytes", maxFilterLength)
	}
	tokens, err := lex(filter)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	if p.peek().kind == tokenEnd {
		return and(nil), nil
	}
	e, err := p.and(0)
	if err != nil {
		return nil, err
	}
	if end := p.peek(); end.kind != tokenEnd {
		return nil, filterErrorf(end.at, "expected AND, OR or the end of the filter, found %s", end)
	}
	return e, nil
}

type parser struct {
	tokens []token
	next   int
}

func (p *parser) peek() token { return p.tokens[p.next] }

// take moves on unless the filter is at its end.
func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != tokenEnd {
		p.next++
	}
	return t
}

// accept takes the next token if it is this symbol or keyword.
func (p *parser) accept(text string) bool {
	t := p.peek()
	if (t.kind != tokenSymbol && t.kind != tokenWord) || t.text != text {
		return false
	}
	p.next++
	return true
}

func (p *parser) and(depth int) (expr, error) {
	var terms and
	for {
		e, err := p.or(depth)
		if err != nil {
			return nil, err
		}
		terms = append(terms, e)
		if end := p.peek(); !p.accept("AND") && (end.kind == tokenEnd || end.text == ")") {
			return flatten(terms), nil
		}
	}
}

func (p *parser) or(depth int) (expr, error) {
	var terms or
	for {
		e, err := p.factor(depth)
		if err != nil {
			return nil, err
		}
		terms = append(terms, e)
		if !p.accept("OR") {
			break
		}
	}
	if len(terms) == 1 {
		return terms[0], nil
	}
	return terms, nil
}

// flatten makes one list of nested ANDs, so that parentheses around a term change nothing.
func flatten(terms and) and {
	var flat and
	for _, term := range terms {
		if inner, ok := term.(and); ok {
			flat = append(flat, inner...)
		} else {
			flat = append(flat, term)
		}
	}
	return flat
}

func (p *parser) factor(depth int) (expr, error) {
	if depth > maxFilterDepth {
		return nil, filterErrorf(p.peek().at, "the filter is nested deeper than %d", maxFilterDepth)
	}
	if p.accept("NOT") || p.accept("-") {
		e, err := p.factor(depth + 1)
		return not{e}, err
	}
	if !p.accept("(") {
		return p.comparison()
	}
	e, err := p.and(depth + 1)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); !p.accept(")") {
		return nil, filterErrorf(t.at, "expected a closing parenthesis, found %s", t)
	}
	return e, nil
}

func (p *parser) comparison() (expr, error) {
	name := p.take()
	if name.kind != tokenWord {
		return nil, filterErrorf(name.at, "expected a field such as metric.type or resource.labels.subscription_id, found %s", name)
	}
	field, err := canonicalField(name)
	if err != nil {
		return nil, err
	}
	c := &comparison{field: field, at: name.at}
	operator := p.take()
	if operator.kind != tokenSymbol || !slices.Contains([]string{"=", "!=", ":"}, operator.text) {
		return nil, filterErrorf(operator.at, "expected =, != or : after %s, found %s", name.text, operator)
	}
	if err := p.operand(c, operator.text); err != nil {
		return nil, err
	}
	return c, nil
}

// canonicalField accepts the singular label as well and names every field in one way.
func canonicalField(t token) (string, error) {
	const metricLabel, resourceLabel = "metric.labels.", "resource.labels."
	name := t.text
	for singular, plural := range map[string]string{"metric.label.": metricLabel, "resource.label.": resourceLabel} {
		if key, ok := strings.CutPrefix(name, singular); ok {
			name = plural + key
		}
	}
	isLabel := strings.HasPrefix(name, metricLabel) && name != metricLabel ||
		strings.HasPrefix(name, resourceLabel) && name != resourceLabel
	if isLabel || slices.Contains([]string{"metric.type", "resource.type", "project"}, name) {
		return name, nil
	}
	return "", filterErrorf(t.at, "unknown field %q, use metric.type, metric.labels.KEY, resource.type, resource.labels.KEY or project", t.text)
}

// operand reads the right side of a comparison and sets its test.
func (p *parser) operand(c *comparison, operator string) error {
	value := p.take()
	if value.kind != tokenString && value.kind != tokenWord {
		return filterErrorf(value.at, "expected a value after %s, found %s", operator, value)
	}
	if value.kind == tokenWord && p.peek().text == "(" && p.peek().kind == tokenSymbol {
		return p.function(c, operator, value)
	}
	switch operator {
	case "=":
		c.equals = &value.text
		c.test = func(s string) bool { return s == value.text }
	case "!=":
		c.test = func(s string) bool { return s != value.text }
	default:
		c.test = func(s string) bool { return strings.Contains(s, value.text) }
	}
	return nil
}

func (p *parser) function(c *comparison, operator string, name token) error {
	if operator == ":" {
		return filterErrorf(name.at, "%s goes with = or !=, not with a colon", name.text)
	}
	args, err := p.arguments()
	if err != nil {
		return err
	}
	test, err := functionTest(name, args)
	if err != nil {
		return err
	}
	c.test = test
	if operator == "!=" {
		c.test = func(s string) bool { return !test(s) }
	}
	return nil
}

func (p *parser) arguments() ([]string, error) {
	p.take() // The opening parenthesis.
	var args []string
	for {
		t := p.take()
		if t.kind != tokenString {
			return nil, filterErrorf(t.at, "expected a quoted string, found %s", t)
		}
		args = append(args, t.text)
		if p.accept(")") {
			return args, nil
		}
		if t = p.peek(); !p.accept(",") {
			return nil, filterErrorf(t.at, "expected a comma or a closing parenthesis, found %s", t)
		}
	}
}
