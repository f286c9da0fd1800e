package cloudmon

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// method is the one that the generated client would decode by reflection.
const method = "/google.monitoring.v3.MetricService/ListTimeSeries"

// page is one answer to it, which the decoder takes in.
type page struct {
	decoder *decoder
	next    string
}

// codec is protobuf's, but that it gives pages to their decoder.
type codec struct{ encoding.CodecV2 }

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	p, ok := v.(*page)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buf.Free() // the decoder keeps nothing of it
	next, err := p.decoder.page(buf.ReadOnlyData())
	p.next = next
	return err
}

func callOption() grpc.CallOption {
	return grpc.ForceCodecV2(codec{encoding.GetCodecV2(proto.Name)})
}
