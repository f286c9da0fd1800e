package emulator

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

const (
	// pingInterval is the shortest interval of transport pings that is tolerated; clients that detect dead paths quickly
	// ping every 10 s, and a server's default is 5 min.
	pingInterval = 10 * time.Second
	// maxRequest is above the largest valid request, so that the broker says which limit has been passed.
	maxRequest = 32 << 20
	// streamWindow and connWindow keep a publisher of 1 MB batches and a stream of as much from waiting for window updates.
	streamWindow = 4 << 20
	connWindow   = 16 << 20
	ioBuffer     = 128 << 10
)

func newGRPCServer(opts ...grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append([]grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingInterval, PermitWithoutStream: true}),
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.InitialWindowSize(streamWindow), grpc.InitialConnWindowSize(connWindow),
		grpc.ReadBufferSize(ioBuffer), grpc.WriteBufferSize(ioBuffer),
		grpc.WaitForHandlers(true),
	}, opts...)...)
}

// replaceMethod gives one unary method of a service a handler that reads its request as a frame.
func replaceMethod[S any](desc *grpc.ServiceDesc, name string, call func(S, context.Context, *frame) (any, error)) {
	desc.Methods = slices.Clone(desc.Methods)
	i := slices.IndexFunc(desc.Methods, func(m grpc.MethodDesc) bool { return m.MethodName == name })
	full := "/" + desc.ServiceName + "/" + name
	desc.Methods[i].Handler = func(srv any, ctx context.Context, dec func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
		in := &frame{}
		if err := dec(in); err != nil {
			return nil, err
		}
		defer in.free()
		if chain == nil {
			return call(srv.(S), ctx, in)
		}
		info := &grpc.UnaryServerInfo{Server: srv, FullMethod: full}
		return chain(ctx, in, info, func(ctx context.Context, req any) (any, error) {
			return call(srv.(S), ctx, req.(*frame))
		})
	}
}
