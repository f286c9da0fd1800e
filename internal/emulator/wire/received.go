package wire

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Received is one message on its way to a subscriber.
type Received struct {
	AckID     []byte
	ID        uint64
	Published int64 // nanoseconds since the Unix epoch
	Attempt   int32 // 0: not reported
	Body      []byte
}

// MaxOverhead bounds what AppendReceived writes beside the body, in bytes, for ack ids of up to 64 bytes.
const MaxOverhead = 64 + 96

// AppendReceived writes m as one received_messages field of a PullResponse or StreamingPullResponse, which agree in it.
func AppendReceived(dst []byte, m *Received) []byte {
	var digits [20]byte
	id := strconv.AppendUint(digits[:0], m.ID, 10)
	stamp := timestampSize(m.Published)
	message := len(m.Body) + 2 + len(id) + 2 + stamp
	size := protowire.SizeTag(1) + protowire.SizeBytes(len(m.AckID)) + protowire.SizeTag(2) + protowire.SizeBytes(message)
	if m.Attempt > 0 {
		size += protowire.SizeTag(3) + protowire.SizeVarint(uint64(m.Attempt))
	}
	dst = protowire.AppendTag(dst, 1, protowire.BytesType)
	dst = appendSize(dst, size)
	dst = protowire.AppendTag(dst, 1, protowire.BytesType)
	dst = protowire.AppendBytes(dst, m.AckID)
	dst = protowire.AppendTag(dst, 2, protowire.BytesType)
	dst = appendSize(dst, message)
	dst = AppendMessage(dst, m.Body, id, m.Published)
	if m.Attempt > 0 {
		dst = protowire.AppendTag(dst, 3, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(m.Attempt))
	}
	return dst
}

// AppendMessage writes a whole PubsubMessage: the body, its id in decimal digits, and its publish time.
func AppendMessage(dst, body, id []byte, published int64) []byte {
	dst = append(dst, body...)
	dst = protowire.AppendTag(dst, fieldID, protowire.BytesType)
	dst = protowire.AppendBytes(dst, id)
	dst = protowire.AppendTag(dst, fieldTime, protowire.BytesType)
	dst = appendSize(dst, timestampSize(published))
	seconds, nanos := split(published)
	if seconds != 0 {
		dst = protowire.AppendTag(dst, 1, protowire.VarintType)
		dst = protowire.AppendVarint(dst, seconds)
	}
	if nanos != 0 {
		dst = protowire.AppendTag(dst, 2, protowire.VarintType)
		dst = protowire.AppendVarint(dst, nanos)
	}
	return dst
}

// AppendPublishResponse writes a PublishResponse for n messages with consecutive ids.
func AppendPublishResponse(dst []byte, first uint64, n int) []byte {
	var digits [20]byte
	for i := range n {
		id := strconv.AppendUint(digits[:0], first+uint64(i), 10)
		dst = protowire.AppendTag(dst, 1, protowire.BytesType)
		dst = protowire.AppendBytes(dst, id)
	}
	return dst
}

func timestampSize(published int64) int {
	size := 0
	seconds, nanos := split(published)
	if seconds != 0 {
		size += 1 + protowire.SizeVarint(seconds)
	}
	if nanos != 0 {
		size += 1 + protowire.SizeVarint(nanos)
	}
	return size
}

// split gives the parts of a protobuf Timestamp; publish times are never before 1970.
func split(published int64) (seconds, nanos uint64) {
	at := time.Unix(0, max(published, 0))
	return uint64(at.Unix()), uint64(at.Nanosecond()) //nolint:gosec // both are positive after max
}

func appendSize(dst []byte, size int) []byte {
	return protowire.AppendVarint(dst, uint64(size)) //nolint:gosec // a size is never negative
}
