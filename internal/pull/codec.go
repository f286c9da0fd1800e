package pull

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// codec is protobuf's, but that it reads responses with the decoder of this package.
type codec struct{ encoding.CodecV2 }

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(*response)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	return r.decode(data.Materialize())
}

// streamingPull is the method whose stream the generated client would decode by reflection.
const streamingPull = "/google.pubsub.v1.Subscriber/StreamingPull"

func streamDesc() *grpc.StreamDesc {
	return &grpc.StreamDesc{StreamName: "StreamingPull", ClientStreams: true, ServerStreams: true}
}

// callOptions are those of a stream.
func callOptions() []grpc.CallOption {
	return []grpc.CallOption{
		grpc.ForceCodecV2(codec{encoding.GetCodecV2(proto.Name)}), grpc.MaxCallRecvMsgSize(maxResponse),
	}
}
