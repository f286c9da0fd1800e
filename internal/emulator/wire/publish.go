package wire

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrMalformed reports bytes that are not a valid protobuf encoding of the expected message.
var ErrMalformed = errors.New("malformed protobuf")

// Field numbers of google.pubsub.v1.PubsubMessage.
const (
	fieldData       = 1
	fieldAttributes = 2
	fieldID         = 3
	fieldTime       = 4
	fieldKey        = 5
)

// Message is one message as a publisher sent it.
type Message struct {
	// Body is the encoded PubsubMessage without message_id and publish_time. It may alias the request that it was parsed from.
	Body []byte
	// Key is the ordering key. It does not alias the request.
	Key string
	// Size is what quotas count, in bytes: data, attribute keys and values, ordering key.
	Size int
	// DataSize is the size of the data field in bytes.
	DataSize int
	// Attributes counts attributes; LongestName and LongestValue are the sizes of the longest key and value in bytes.
	Attributes, LongestName, LongestValue int
	// EmptyName says that an attribute has an empty key. ReservedName is an attribute's key that is Pub/Sub's own: it begins
	// with "goog" in any case, and is not one in which clients send a trace context. It does not alias the request.
	EmptyName    bool
	ReservedName string
}

// ParsePublish reads an encoded PublishRequest. The messages' bodies alias b.
func ParsePublish(b []byte) (topic string, messages []Message, err error) {
	messages = make([]Message, 0, min(len(b)/64+1, 1024))
	err = fields(b, func(num protowire.Number, typ protowire.Type, v, _ []byte) error {
		switch {
		case num == 1 && typ == protowire.BytesType:
			topic = string(v)
			return validText("topic", v)
		case num == 2 && typ == protowire.BytesType:
			m, err := ParseMessage(v)
			if err != nil {
				return fmt.Errorf("messages[%d]: %w", len(messages), err)
			}
			messages = append(messages, m)
		}
		return nil
	})
	return topic, messages, err
}

// FirstField returns the string in field 1, which in most requests of the API is the name of what they are about; empty if
// there is none.
func FirstField(b []byte) string {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 || num != 1 || typ != protowire.BytesType {
		return ""
	}
	v, n := protowire.ConsumeBytes(b[n:])
	if n < 0 {
		return ""
	}
	return string(v)
}

// ParseMessage reads an encoded PubsubMessage. Its Body aliases b unless b holds fields that only the server may set.
func ParseMessage(b []byte) (Message, error) {
	var m Message
	var foreign bool
	var keySize int
	err := fields(b, func(num protowire.Number, typ protowire.Type, v, _ []byte) error {
		switch {
		case num == fieldData && typ == protowire.BytesType:
			m.DataSize = len(v)
		case num == fieldAttributes && typ == protowire.BytesType:
			return m.addAttribute(v)
		case num == fieldKey && typ == protowire.BytesType:
			m.Key, keySize = string(v), len(v)
			return validText("ordering_key", v)
		default:
			foreign = true
		}
		return nil
	})
	if err != nil {
		return Message{}, err
	}
	m.Size += m.DataSize + keySize
	m.Body = b
	if foreign {
		m.Body = withoutForeign(b)
	}
	return m, nil
}

func (m *Message) addAttribute(entry []byte) error {
	name, value, err := attribute(entry)
	if err != nil {
		return err
	}
	m.Attributes++
	m.LongestName = max(m.LongestName, len(name))
	m.LongestValue = max(m.LongestValue, len(value))
	m.Size += len(name) + len(value)
	m.EmptyName = m.EmptyName || len(name) == 0
	if reserved(name) {
		m.ReservedName = string(name)
	}
	return nil
}

// reserved says whether an attribute's key is Pub/Sub's own. Of those, clients that trace set the two of a W3C trace context.
func reserved(name []byte) bool {
	const prefix = "goog"
	if len(name) < len(prefix) || !strings.EqualFold(string(name[:len(prefix)]), prefix) {
		return false
	}
	return string(name) != "googclient_traceparent" && string(name) != "googclient_tracestate"
}

// withoutForeign copies the fields that a publisher may set. b has been parsed before, so errors cannot occur.
func withoutForeign(b []byte) []byte {
	out := make([]byte, 0, len(b))
	_ = fields(b, func(num protowire.Number, typ protowire.Type, _, raw []byte) error {
		if typ == protowire.BytesType && (num == fieldData || num == fieldAttributes || num == fieldKey) {
			out = append(out, raw...)
		}
		return nil
	})
	return out
}

func validText(field string, v []byte) error {
	if !utf8.Valid(v) {
		return fmt.Errorf("%s: %w: invalid UTF-8", field, ErrMalformed)
	}
	return nil
}

// fields calls f for each field of b with its payload (bytes fields only) and its whole encoding.
func fields(b []byte, f func(num protowire.Number, typ protowire.Type, v, raw []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return ErrMalformed
		}
		var v []byte
		var size int
		if typ == protowire.BytesType {
			v, size = protowire.ConsumeBytes(b[n:])
		} else {
			size = protowire.ConsumeFieldValue(num, typ, b[n:])
		}
		if size < 0 {
			return ErrMalformed
		}
		if err := f(num, typ, v, b[:n+size]); err != nil {
			return err
		}
		b = b[n+size:]
	}
	return nil
}
