package filter

import (
	"errors"
	"fmt"
	"strings"
)

// MaxLength is the service's limit on a filter, in bytes.
const MaxLength = 256

// ErrSyntax reports text that is not a filter. The wrapping error says what was found where.
var ErrSyntax = errors.New("syntax error")

// Filter says whether a message with these attributes passes. It is safe for concurrent use.
type Filter func(attributes map[string]string) bool

// Parse reads a filter:
//
//	attributes:KEY                        the attribute exists
//	attributes.KEY = "VALUE"              it exists and has this value
//	attributes.KEY != "VALUE"             it has another value, or does not exist
//	hasPrefix(attributes.KEY, "PREFIX")   it exists and starts so
//	NOT x, -x, x AND y, x OR y, (x)       AND and OR are combined with parentheses only
//
// A KEY that is more than letters, digits, hyphens and underscores is written as a string literal.
func Parse(text string) (Filter, error) {
	if len(text) > MaxLength {
		return nil, fmt.Errorf("%w: %d bytes are more than the %d that a filter may have", ErrSyntax, len(text), MaxLength)
	}
	p := parser{lexer: lexer{rest: text}}
	p.next()
	f, err := p.expression()
	if err != nil {
		return nil, err
	}
	if p.token.kind != end {
		return nil, p.unexpected("the end")
	}
	return f, nil
}

type parser struct {
	lexer
	token token
}

func (p *parser) next() { p.token = p.scan() }

func (p *parser) unexpected(want string) error {
	return fmt.Errorf("%w: found %s where %s was expected", ErrSyntax, p.token, want)
}

// expression is terms joined by AND, or by OR.
func (p *parser) expression() (Filter, error) {
	f, err := p.term()
	if err != nil {
		return nil, err
	}
	joiner := p.token.text
	if p.token.kind != word || joiner != "AND" && joiner != "OR" {
		return f, nil
	}
	terms := []Filter{f}
	for p.token.kind == word && p.token.text == joiner {
		p.next()
		f, err := p.term()
		if err != nil {
			return nil, err
		}
		terms = append(terms, f)
	}
	if p.token.kind == word && (p.token.text == "AND" || p.token.text == "OR") {
		return nil, fmt.Errorf("%w: AND and OR are combined with parentheses only", ErrSyntax)
	}
	return join(terms, joiner == "OR"), nil
}

// join is true when any term gives verdict, which is true for OR and false for AND.
func join(terms []Filter, verdict bool) Filter {
	return func(attributes map[string]string) bool {
		for _, f := range terms {
			if f(attributes) == verdict {
				return verdict
			}
		}
		return !verdict
	}
}

func (p *parser) term() (Filter, error) {
	switch {
	case p.token.is(word, "NOT") || p.token.is(symbol, "-"):
		p.next()
		f, err := p.term()
		if err != nil {
			return nil, err
		}
		return func(attributes map[string]string) bool { return !f(attributes) }, nil
	case p.token.is(symbol, "("):
		return p.group()
	case p.token.is(word, "hasPrefix"):
		return p.prefix()
	case p.token.is(word, "attributes"):
		return p.comparison()
	}
	return nil, p.unexpected("attributes, hasPrefix, NOT or a parenthesis")
}

func (p *parser) group() (Filter, error) {
	p.next()
	f, err := p.expression()
	if err != nil {
		return nil, err
	}
	return f, p.symbol(")")
}

func (p *parser) comparison() (Filter, error) {
	p.next()
	if p.token.is(symbol, ":") {
		p.next()
		key, err := p.key()
		return func(attributes map[string]string) bool { _, ok := attributes[key]; return ok }, err
	}
	key, err := p.member()
	if err != nil {
		return nil, err
	}
	operator := p.token
	if !operator.is(symbol, "=") && !operator.is(symbol, "!=") {
		return nil, p.unexpected("= or !=")
	}
	p.next()
	want, err := p.literal()
	equal := operator.text == "="
	return func(attributes map[string]string) bool {
		value, ok := attributes[key]
		return (ok && value == want) == equal
	}, err
}

func (p *parser) prefix() (Filter, error) {
	p.next()
	if err := p.symbol("("); err != nil {
		return nil, err
	}
	if !p.token.is(word, "attributes") {
		return nil, p.unexpected("attributes")
	}
	p.next()
	key, err := p.member()
	if err != nil {
		return nil, err
	}
	if err := p.symbol(","); err != nil {
		return nil, err
	}
	want, err := p.literal()
	if err != nil {
		return nil, err
	}
	return func(attributes map[string]string) bool {
		value, ok := attributes[key]
		return ok && strings.HasPrefix(value, want)
	}, p.symbol(")")
}

// member is .KEY.
func (p *parser) member() (string, error) {
	if err := p.symbol("."); err != nil {
		return "", err
	}
	return p.key()
}

func (p *parser) key() (string, error) {
	if p.token.kind != word && p.token.kind != literal {
		return "", p.unexpected("an attribute key")
	}
	key := p.token.text
	p.next()
	return key, nil
}

func (p *parser) literal() (string, error) {
	if p.token.kind != literal {
		return "", p.unexpected("a string literal")
	}
	text := p.token.text
	p.next()
	return text, nil
}

func (p *parser) symbol(text string) error {
	if !p.token.is(symbol, text) {
		return p.unexpected(text)
	}
	p.next()
	return nil
}
