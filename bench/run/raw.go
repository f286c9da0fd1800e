package run

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

const (
	// window keeps a stream of 1 MB responses from waiting for window updates.
	window   = 4 << 20
	ioBuffer = 128 << 10
)

// Raw is a message that is sent and received encoded, so that the server's cost is what is measured.
type Raw struct{ Bytes []byte }

type rawCodec struct{ encoding.CodecV2 }

// Marshal implements encoding.CodecV2.
func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if r, ok := v.(*Raw); ok {
		return mem.BufferSlice{mem.SliceBuffer(r.Bytes)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal implements encoding.CodecV2. It reuses the message's buffer.
func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(*Raw)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	r.Bytes = r.Bytes[:0]
	for _, part := range data {
		r.Bytes = append(r.Bytes, part.ReadOnlyData()...)
	}
	return nil
}

// AsRaw makes a call send and receive Raw messages.
func AsRaw() grpc.CallOption {
	return grpc.ForceCodecV2(rawCodec{encoding.GetCodecV2(proto.Name)})
}
