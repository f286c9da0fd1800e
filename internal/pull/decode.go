package pull

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"spillway/internal/backlog"
)

// errResponse is matched by every error of the decoder.
var errResponse = errors.New("malformed StreamingPullResponse")

// response is a StreamingPullResponse without what the engine does not read. Its strings and payloads share the memory
// of the encoded response, which lives as long as any of them.
type response struct {
	messages []pulled
	// properties says whether the response carries the subscription's properties.
	properties, ordered, exactlyOnce bool
}

// pulled is one ReceivedMessage.
type pulled struct {
	ackID   string
	message backlog.Message
	stamp   timestamp // the publish time as it was encoded
}

// decode reads an encoded StreamingPullResponse, which must not be changed afterwards. It accepts what proto.Unmarshal
// accepts and reads the same from it; FuzzDecode holds the two against each other. The field numbers are those of
// google/pubsub/v1/pubsub.proto.
func (r *response) decode(b []byte) error {
	r.messages = make([]pulled, 0, countField(b, 1))
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		var err error
		switch {
		case f.is(1, protowire.BytesType):
			r.messages = append(r.messages, pulled{})
			err = r.messages[len(r.messages)-1].decode(f.bytes)
		case f.is(4, protowire.BytesType):
			r.properties = true
			err = r.decodeProperties(f.bytes)
		case f.is(3, protowire.BytesType):
			err = checkTexts(f.bytes, 3)
		case f.is(5, protowire.BytesType):
			err = checkTexts(f.bytes, 4)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *response) decodeProperties(b []byte) error {
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		switch {
		case f.is(1, protowire.VarintType):
			r.exactlyOnce = f.number != 0
		case f.is(2, protowire.VarintType):
			r.ordered = f.number != 0
		}
	}
	return nil
}

func (m *pulled) decode(b []byte) error {
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		var err error
		switch {
		case f.is(1, protowire.BytesType):
			m.ackID, err = f.text()
		case f.is(2, protowire.BytesType):
			err = m.decodeMessage(f.bytes)
		case f.is(3, protowire.VarintType):
			m.message.DeliveryAttempt = int(int32(f.number)) //nolint:gosec // An int32 on the wire is a truncated varint.
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *pulled) decodeMessage(b []byte) error {
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		var err error
		switch {
		case f.is(1, protowire.BytesType):
			m.message.Data = f.bytes
		case f.is(2, protowire.BytesType):
			err = m.decodeAttribute(f.bytes)
		case f.is(3, protowire.BytesType):
			m.message.ID, err = f.text()
		case f.is(4, protowire.BytesType):
			err = m.stamp.decode(f.bytes) // A field that comes twice is merged.
			m.message.PublishTime = time.Unix(m.stamp.seconds, m.stamp.nanos).UTC()
		case f.is(5, protowire.BytesType):
			m.message.OrderingKey, err = f.text()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeAttribute reads one entry of the map.
func (m *pulled) decodeAttribute(b []byte) error {
	var key, value string
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		var err error
		switch {
		case f.is(1, protowire.BytesType):
			key, err = f.text()
		case f.is(2, protowire.BytesType):
			value, err = f.text()
		}
		if err != nil {
			return err
		}
	}
	for i := range m.message.Attributes { // The last one counts. There are at most 100.
		if m.message.Attributes[i].Key == key {
			m.message.Attributes[i].Value = value
			return nil
		}
	}
	m.message.Attributes = append(m.message.Attributes, backlog.Attribute{Key: key, Value: value})
	return nil
}

// timestamp is a google.protobuf.Timestamp.
type timestamp struct{ seconds, nanos int64 }

func (t *timestamp) decode(b []byte) error {
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		switch {
		case f.is(1, protowire.VarintType):
			t.seconds = int64(f.number) //nolint:gosec // An int64 on the wire.
		case f.is(2, protowire.VarintType):
			t.nanos = int64(int32(f.number)) //nolint:gosec // An int32 on the wire is a truncated varint.
		}
	}
	return nil
}

// checkTexts makes sure that a confirmation is well formed: its fields 1 to last are strings. What they say is not used,
// because acks do not go over the stream.
func checkTexts(b []byte, last protowire.Number) error {
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		if f.kind == protowire.BytesType && f.id <= last {
			if _, err := f.text(); err != nil {
				return err
			}
		}
	}
	return nil
}

// malformed is the error of a negative length.
func malformed(n int) error { return fmt.Errorf("%w: %w", errResponse, protowire.ParseError(n)) }

// field is one field of an encoded message.
type field struct {
	id     protowire.Number
	kind   protowire.Type
	number uint64 // of a varint
	bytes  []byte // of a length-delimited field
}

func (f field) is(id protowire.Number, kind protowire.Type) bool { return f.id == id && f.kind == kind }

// text returns a string that shares the field's memory; protobuf's strings are UTF-8.
func (f field) text() (string, error) {
	if !utf8.Valid(f.bytes) {
		return "", fmt.Errorf("%w: field %d is not UTF-8", errResponse, f.id)
	}
	return unsafe.String(unsafe.SliceData(f.bytes), len(f.bytes)), nil //nolint:gosec // The bytes are never changed.
}

// badNumber is protowire's code for an invalid field number.
const badNumber = -2

// nextField reads the field at the start of b and returns how long it is; a negative length is an error of protowire.
func nextField(b []byte) (field, int) {
	// Nearly every field is short: one byte of tag, one of length.
	if len(b) >= 2 && b[0] >= 8 && b[0] < 0x80 && b[0]&7 == byte(protowire.BytesType) && b[1] < 0x80 {
		if end := 2 + int(b[1]); end <= len(b) {
			return field{id: protowire.Number(b[0] >> 3), kind: protowire.BytesType, bytes: b[2:end:end]}, end
		}
	}
	id, kind, tag := protowire.ConsumeTag(b)
	if tag < 0 {
		return field{}, tag
	}
	if id > protowire.MaxValidNumber {
		return field{}, badNumber
	}
	f := field{id: id, kind: kind}
	var n int
	switch kind {
	case protowire.VarintType:
		f.number, n = protowire.ConsumeVarint(b[tag:])
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b[tag:])
	default:
		n = protowire.ConsumeFieldValue(id, kind, b[tag:])
	}
	if n < 0 {
		return field{}, n
	}
	return f, tag + n
}

// countField counts the length-delimited fields of a number, to make room for them at once. It stops where b is
// malformed.
func countField(b []byte, id protowire.Number) int {
	count := 0
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			break
		}
		if f.is(id, protowire.BytesType) {
			count++
		}
		b = b[n:]
	}
	return count
}
