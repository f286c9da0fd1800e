package fleet

import "bytes"

// labels are those that matter of one series. They point into the page, unless a value had to be unescaped.
type labels struct{ subscription, result, reason []byte }

// read takes the labels from the beginning of text, if there are some, and returns what follows them.
func (l *labels) read(text []byte) ([]byte, error) {
	if len(text) == 0 || text[0] != '{' {
		return text, nil
	}
	text = text[1:]
	for {
		text = bytes.TrimLeft(text, " \t")
		if len(text) > 0 && text[0] == '}' {
			return text[1:], nil
		}
		end := bytes.IndexAny(text, "= \t\"")
		if end <= 0 {
			return nil, errMalformed
		}
		name := text[:end]
		text = bytes.TrimLeft(text[end:], " \t")
		if len(text) == 0 || text[0] != '=' {
			return nil, errMalformed
		}
		value, rest, err := quoted(bytes.TrimLeft(text[1:], " \t"))
		if err != nil {
			return nil, err
		}
		l.put(name, value)
		text = bytes.TrimLeft(rest, " \t")
		switch {
		case len(text) > 0 && text[0] == ',':
			text = text[1:]
		case len(text) > 0 && text[0] == '}':
		default:
			return nil, errMalformed
		}
	}
}

func (l *labels) put(name, value []byte) {
	switch string(name) {
	case "subscription":
		l.subscription = value
	case "result":
		l.result = value
	case "reason":
		l.reason = value
	}
}

// quoted takes a value in quotes from the beginning of text.
func quoted(text []byte) (value, rest []byte, err error) {
	if len(text) == 0 || text[0] != '"' {
		return nil, nil, errMalformed
	}
	text = text[1:]
	escaped := false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			if value = text[:i]; escaped {
				value, err = unescaped(value)
			}
			return value, text[i+1:], err
		}
	}
	return nil, nil, errMalformed
}

// unescaped returns a copy without escapes.
func unescaped(value []byte) ([]byte, error) {
	plain := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' {
			plain = append(plain, value[i])
			continue
		}
		i++
		switch value[i] { // quoted has seen that there is one
		case '\\', '"':
			plain = append(plain, value[i])
		case 'n':
			plain = append(plain, '\n')
		default:
			return nil, errMalformed
		}
	}
	return plain, nil
}
