package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"connectrpc.com/vanguard"
	"connectrpc.com/vanguard/vanguardgrpc"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

// newREST serves the gRPC services by the HTTP annotations of their definitions, as the service's own REST API does.
func newREST(server *grpc.Server) (http.Handler, error) {
	transcoder, err := vanguardgrpc.NewTranscoder(server,
		vanguard.WithCodec(func(types vanguard.TypeResolver) vanguard.Codec {
			return &restCodec{&vanguard.JSONCodec{
				MarshalOptions:   protojson.MarshalOptions{Resolver: types},
				UnmarshalOptions: protojson.UnmarshalOptions{Resolver: types},
			}}
		}),
		vanguard.WithCodec(func(types vanguard.TypeResolver) vanguard.Codec { return &targetCodec{vanguard.NewProtoCodec(types)} }),
		vanguard.WithDefaultServiceOptions(
			vanguard.WithTargetCodecs(vanguard.CodecProto),
			vanguard.WithTargetProtocols(vanguard.ProtocolGRPC),
			vanguard.WithMaxMessageBufferBytes(maxRequest),
			// Every Google API takes the parameters alt, key, fields and prettyPrint.
			vanguard.WithRESTUnmarshalOptions(vanguard.RESTUnmarshalOptions{DiscardUnknownQueryParams: true}),
		))
	if err != nil {
		return nil, fmt.Errorf("reading the http annotations: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &errorEnvelope{ResponseWriter: w}
		transcoder.ServeHTTP(out, r)
		out.finish()
	}), nil
}

// errorEnvelope turns error bodies into the form that Google's REST APIs have: {"error": {"code", "message", "status"}}.
type errorEnvelope struct {
	http.ResponseWriter
	status int // set for errors only
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter. The header of an error is held back until its body is known.
func (e *errorEnvelope) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		e.status = status
		return
	}
	e.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (e *errorEnvelope) Write(p []byte) (int, error) {
	if e.status != 0 {
		return e.body.Write(p)
	}
	return e.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (e *errorEnvelope) Flush() {
	if f, ok := e.ResponseWriter.(http.Flusher); ok && e.status == 0 {
		f.Flush()
	}
}

// restError is the inside of the envelope.
type restError struct {
	Code    int               `json:"code"`
	Message string            `json:"message"`
	Status  string            `json:"status"`
	Details []json.RawMessage `json:"details,omitempty"`
}

func (e *errorEnvelope) finish() {
	if e.status == 0 {
		return
	}
	var plain struct {
		Code    int32
		Message string
		Details []json.RawMessage
	}
	if err := json.Unmarshal(e.body.Bytes(), &plain); err != nil {
		plain.Message = http.StatusText(e.status)
		plain.Code = int32(code.Code_INVALID_ARGUMENT)
		if e.status == http.StatusNotFound {
			plain.Code = int32(code.Code_NOT_FOUND)
		}
	}
	e.Header().Del("Content-Length")
	e.Header().Del("Content-Encoding")
	writeJSON(e.ResponseWriter, e.status, map[string]restError{"error": {
		Code: e.status, Message: plain.Message, Status: code.Code(plain.Code).String(), Details: plain.Details,
	}})
}
