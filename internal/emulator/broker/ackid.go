package broker

import (
	"encoding/base64"
	"encoding/binary"
)

// AckID names one delivery of one message. Comparable.
type AckID struct {
	subscription uint32
	generation   uint32
	seq          uint64
}

const ackIDSize = 16

// Append writes the id's text form, 22 bytes.
func (a AckID) Append(dst []byte) []byte {
	var b [ackIDSize]byte
	binary.BigEndian.PutUint32(b[0:], a.subscription)
	binary.BigEndian.PutUint32(b[4:], a.generation)
	binary.BigEndian.PutUint64(b[8:], a.seq)
	return base64.RawURLEncoding.AppendEncode(dst, b[:])
}

// ParseAckID reads the text form; false means that no server of this kind has written it.
func ParseAckID(s string) (AckID, bool) {
	var b [ackIDSize + 2]byte
	if len(s) != base64.RawURLEncoding.EncodedLen(ackIDSize) {
		return AckID{}, false
	}
	n, err := base64.RawURLEncoding.Decode(b[:], []byte(s))
	if err != nil || n != ackIDSize {
		return AckID{}, false
	}
	return AckID{
		subscription: binary.BigEndian.Uint32(b[0:]),
		generation:   binary.BigEndian.Uint32(b[4:]),
		seq:          binary.BigEndian.Uint64(b[8:]),
	}, true
}
