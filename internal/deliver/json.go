package deliver

import (
	"time"
	"unicode/utf8"
)

// appendString appends s as a JSON string, byte for byte what encoding/json writes without its escapes for HTML;
// FuzzAppendString holds the two against each other.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		if bad := r == utf8.RuneError && size == 1; !bad && c >= utf8.RuneSelf && r != '\u2028' && r != '\u2029' {
			i += size
			continue
		}
		b = append(b, s[start:i]...)
		switch r {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		}
		i += size
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// appendTime appends t as protobuf's JSON mapping writes it: UTC with 0, 3, 6 or 9 digits after the second.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	switch ns := t.Nanosecond(); {
	case ns == 0:
		return t.AppendFormat(b, "2006-01-02T15:04:05Z")
	case ns%1e6 == 0:
		return t.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	case ns%1e3 == 0:
		return t.AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	default:
		return t.AppendFormat(b, "2006-01-02T15:04:05.000000000Z")
	}
}
