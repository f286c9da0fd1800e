package emulator

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // publishers may compress
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// frame is an encoded message that passes the codec as it is. Requests are read from data; free gives it back.
type frame struct {
	data mem.Buffer
}

// newFrame makes an outgoing frame with room for size bytes, filled by fill.
func newFrame(size int, fill func([]byte) []byte) *frame {
	pool := mem.DefaultBufferPool()
	buf := pool.Get(size)
	filled := fill((*buf)[:0])
	if cap(filled) != cap(*buf) { // fill outgrew the buffer
		return &frame{data: mem.SliceBuffer(filled)}
	}
	*buf = filled
	return &frame{data: mem.NewBuffer(buf, pool)}
}

func (f *frame) free() {
	if f.data != nil {
		f.data.Free()
	}
}

// codec is protobuf's, except that frames stay encoded.
type codec struct {
	encoding.CodecV2
}

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// Marshal encodes v. A frame is handed over: it must not be used again.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*frame); ok {
		return mem.BufferSlice{f.data}, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal decodes data into v, or keeps it in a frame.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if f, ok := v.(*frame); ok {
		f.data = data.MaterializeToBuffer(mem.DefaultBufferPool())
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
