package filter

import (
	"strconv"
	"strings"
)

type kind int

const (
	end kind = iota
	word
	literal
	symbol
	broken
)

type token struct {
	kind kind
	text string
}

func (t token) is(k kind, text string) bool { return t.kind == k && t.text == text }

func (t token) String() string {
	if t.kind == end {
		return "the end"
	}
	return strconv.Quote(t.text)
}

type lexer struct{ rest string }

// scan takes the next token off the text.
func (l *lexer) scan() token {
	l.rest = strings.TrimLeft(l.rest, " \t\r\n")
	switch {
	case l.rest == "":
		return token{kind: end}
	case l.rest[0] == '"':
		return l.quoted()
	case strings.HasPrefix(l.rest, "!="):
		return l.cut(symbol, 2)
	case strings.IndexByte("():.,=-", l.rest[0]) >= 0:
		return l.cut(symbol, 1)
	}
	n := 0
	for n < len(l.rest) && (wordByte(l.rest[n]) || n > 0 && l.rest[n] == '-') {
		n++
	}
	if n == 0 {
		return l.cut(broken, len(l.rest))
	}
	return l.cut(word, n)
}

func (l *lexer) cut(k kind, n int) token {
	t := token{kind: k, text: l.rest[:n]}
	l.rest = l.rest[n:]
	return t
}

// quoted reads a string literal; its escapes are those of Go.
func (l *lexer) quoted() token {
	quoted, err := strconv.QuotedPrefix(l.rest)
	if err != nil {
		return l.cut(broken, len(l.rest))
	}
	l.rest = l.rest[len(quoted):]
	text, err := strconv.Unquote(quoted)
	if err != nil {
		return token{kind: broken, text: quoted}
	}
	return token{kind: literal, text: text}
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
