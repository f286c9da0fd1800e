package monitoring

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// tokenKind sorts the words of a filter.
type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenString
	tokenSymbol
)

// token is one word of a filter; text is what it means (a string without its quotes), at its byte offset.
type token struct {
	kind tokenKind
	text string
	at   int
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the filter"
	case tokenString:
		return fmt.Sprintf("the string %q", t.text)
	case tokenWord, tokenSymbol:
	}
	return fmt.Sprintf("%q", t.text)
}

// filterError is a mistake in a filter at a byte offset; its message counts from 1.
type filterError struct {
	at      int
	problem string
}

func (e *filterError) Error() string {
	return fmt.Sprintf("filter, position %d: %s", e.at+1, e.problem)
}

func filterErrorf(at int, format string, args ...any) error {
	return &filterError{at: at, problem: fmt.Sprintf(format, args...)}
}

// symbols of the filter language, the longer ones first.
func symbols() []string {
	return []string{"!=", "<=", ">=", "=", ":", "(", ")", ",", "<", ">", "-"}
}

// lex cuts a filter into tokens; the last one is tokenEnd.
func lex(filter string) ([]token, error) {
	var tokens []token
	for at := 0; ; {
		at += len(filter[at:]) - len(strings.TrimLeft(filter[at:], " \t\r\n"))
		if at == len(filter) {
			return append(tokens, token{kind: tokenEnd, at: at}), nil
		}
		t, length, err := lexOne(filter, at)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		at += length
	}
}

func lexOne(filter string, at int) (token, int, error) {
	rest := filter[at:]
	if rest[0] == '"' || rest[0] == '\'' {
		return lexString(filter, at)
	}
	if length := wordLength(rest); length > 0 {
		return token{tokenWord, rest[:length], at}, length, nil
	}
	for _, symbol := range symbols() {
		if strings.HasPrefix(rest, symbol) {
			return token{tokenSymbol, symbol, at}, len(symbol), nil
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return token{}, 0, filterErrorf(at, "unexpected %q", r)
}

// lexString reads a quoted string, in which a backslash makes the next character literal.
func lexString(filter string, at int) (token, int, error) {
	var text strings.Builder
	quote := filter[at]
	for i := at + 1; i < len(filter); i++ {
		switch c := filter[i]; {
		case c == quote:
			return token{tokenString, text.String(), at}, i + 1 - at, nil
		case c == '\\' && i+1 < len(filter):
			i++
			text.WriteByte(filter[i])
		default:
			text.WriteByte(c)
		}
	}
	return token{}, 0, filterErrorf(at, "the string is not closed")
}

// wordLength counts the characters of a name or an unquoted value; a minus is part of a word, but does not begin one.
func wordLength(s string) int {
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune(".-/", rune(c))) {
			return i
		}
	}
	return len(s)
}
