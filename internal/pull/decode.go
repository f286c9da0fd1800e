package pull

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"spillway/internal/backlog"
)

// errResponse is matched by every error of the decoder.
var errResponse = errors.New("malformed StreamingPullResponse")

// response is a StreamingPullResponse without what the engine does not read. Its strings and payloads share the memory
// of the encoded response, which lives as long as any of them. It may be decoded into again: the items of the last time
// are left alone.
type response struct {
	items []item // with their ack IDs and messages
	// properties says whether the response carries the subscription's properties.
	properties, ordered, exactlyOnce bool
	// attributes has room for those of all messages, so that they cost one allocation.
	attributes []backlog.Attribute
}

// decode reads an encoded StreamingPullResponse, which must not be changed afterwards. It accepts what proto.Unmarshal
// accepts and reads the same from it; FuzzDecode holds the two against each other. The field numbers are those of
// google/pubsub/v1/pubsub.proto.
func (r *response) decode(b []byte) error {
	n := countField(b, 1)
	each := (len(r.attributes) + len(r.items)) / max(1, len(r.items)) // A guess from the last time, rounded up.
	*r = response{items: make([]item, 0, n), attributes: make([]backlog.Attribute, 0, n*each)}
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		var err error
		switch {
		case f.is(1, protowire.BytesType):
			r.items = append(r.items, item{})
			err = r.decodeReceived(&r.items[len(r.items)-1], f.bytes)
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

// decodeReceived reads a ReceivedMessage.
func (r *response) decodeReceived(it *item, b []byte) error {
	var message []byte
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		var err error
		switch {
		case f.is(1, protowire.BytesType):
			it.ackID, err = f.text()
		case f.is(2, protowire.BytesType) && message == nil:
			message = f.bytes
		case f.is(2, protowire.BytesType):
			// A message that comes in parts is what their concatenation says, if the parts are well-formed.
			err = r.decodeMessage(&backlog.Message{}, message)
			message = slices.Concat(message, f.bytes)
		case f.is(3, protowire.VarintType):
			it.delivery.DeliveryAttempt = int(int32(f.number)) //nolint:gosec // An int32 on the wire is a truncated varint.
		}
		if err != nil {
			return err
		}
	}
	return r.decodeMessage(&it.delivery.Message, message)
}

// decodeMessage reads a PubsubMessage.
func (r *response) decodeMessage(m *backlog.Message, b []byte) error {
	var published timestamp
	attributes := len(r.attributes)
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		var err error
		switch {
		case f.is(1, protowire.BytesType):
			m.Data = f.bytes
		case f.is(2, protowire.BytesType):
			err = r.decodeAttribute(attributes, f.bytes)
		case f.is(3, protowire.BytesType):
			m.ID, err = f.text()
		case f.is(4, protowire.BytesType):
			err = published.decode(f.bytes) // A field that comes twice is merged.
			m.PublishTime = time.Unix(published.seconds, published.nanos).UTC()
		case f.is(5, protowire.BytesType):
			m.OrderingKey, err = f.text()
		}
		if err != nil {
			return err
		}
	}
	if end := len(r.attributes); end > attributes {
		m.Attributes = r.attributes[attributes:end:end]
	}
	return nil
}

// decodeAttribute reads one entry of the map of a message, whose attributes begin at first.
func (r *response) decodeAttribute(first int, b []byte) error {
	var a backlog.Attribute
	for len(b) > 0 {
		f, n := nextField(b)
		if n < 0 {
			return malformed(n)
		}
		b = b[n:]
		var err error
		switch {
		case f.is(1, protowire.BytesType):
			a.Key, err = f.text()
		case f.is(2, protowire.BytesType):
			a.Value, err = f.text()
		}
		if err != nil {
			return err
		}
	}
	own := r.attributes[first:]
	if i := slices.IndexFunc(own, func(o backlog.Attribute) bool { return o.Key == a.Key }); i >= 0 {
		own[i] = a // Of entries with the same key the last one counts.
		return nil
	}
	r.attributes = append(r.attributes, a)
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
	// Nearly every field is length-delimited with one byte of tag, and of up to three bytes of length.
	if len(b) >= 2 && b[0] >= 8 && b[0] < 0x80 && b[0]&7 == byte(protowire.BytesType) {
		if size, begin := shortSize(b); begin > 0 && size <= len(b)-begin {
			end := begin + size
			return field{id: protowire.Number(b[0] >> 3), kind: protowire.BytesType, bytes: b[begin:end:end]}, end
		}
	}
	return anyField(b)
}

// shortSize reads the length that follows a tag of one byte, and returns where the payload begins; 0 if it does not do.
func shortSize(b []byte) (size, begin int) {
	switch {
	case b[1] < 0x80:
		return int(b[1]), 2
	case len(b) > 2 && b[2] < 0x80:
		return int(b[1]&0x7f) | int(b[2])<<7, 3
	case len(b) > 3 && b[3] < 0x80:
		return int(b[1]&0x7f) | int(b[2]&0x7f)<<7 | int(b[3])<<14, 4
	}
	return 0, 0
}

// anyField is nextField for every field there is.
func anyField(b []byte) (field, int) {
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
