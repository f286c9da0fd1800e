package emulator

import (
	"fmt"
	"unicode/utf8"

	"connectrpc.com/connect"
	"connectrpc.com/vanguard"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// restCodec is JSON whose syntax errors are the client's fault.
type restCodec struct{ *vanguard.JSONCodec }

// Unmarshal implements vanguard.Codec.
func (c *restCodec) Unmarshal(b []byte, m proto.Message) error {
	return badRequest(c.JSONCodec.Unmarshal(b, m))
}

// UnmarshalField implements vanguard.RESTCodec.
func (c *restCodec) UnmarshalField(b []byte, m proto.Message, field protoreflect.FieldDescriptor) error {
	return badRequest(c.JSONCodec.UnmarshalField(b, m, field))
}

func badRequest(err error) error {
	if err == nil {
		return nil
	}
	return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("invalid JSON payload: %w", err))
}

// targetCodec is protobuf's, in which requests are handed to the gRPC services. What a path or a query holds gets into them
// unchecked, and text that is not UTF-8 cannot be encoded: that is the client's fault too.
type targetCodec struct{ *vanguard.ProtoCodec }

// MarshalAppend implements vanguard.Codec.
func (c *targetCodec) MarshalAppend(base []byte, m proto.Message) ([]byte, error) {
	b, err := c.ProtoCodec.MarshalAppend(base, m)
	if err == nil {
		return b, nil
	}
	if field, found := invalidText(m); found {
		return nil, connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("invalid value in field %s: it is not UTF-8", field))
	}
	return nil, err
}

// invalidText gives the first field whose text is not UTF-8, as a path such as subscription.topic.
func invalidText(m proto.Message) (field string, found bool) {
	// Nothing but Terminate is returned below, which is no error of Range.
	_ = protorange.Range(m.ProtoReflect(), func(path protopath.Values) error {
		text, ok := path.Index(-1).Value.Interface().(string)
		if !ok || utf8.ValidString(text) {
			return nil
		}
		for _, step := range path.Path[1:] {
			field, found = field+step.String(), true
		}
		return protorange.Terminate
	})
	return field[min(1, len(field)):], found
}
