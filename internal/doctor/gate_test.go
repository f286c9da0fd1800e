package doctor

import (
	"errors"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// The methods that a gate may keep from an account.
const (
	testIamPermissions = "/google.iam.v1.IAMPolicy/TestIamPermissions"
	listTimeSeries     = "/google.monitoring.v3.MetricService/ListTimeSeries"
	getSubscription    = "/google.pubsub.v1.Subscriber/GetSubscription"
	listSubscriptions  = "/google.pubsub.v1.Subscriber/ListSubscriptions"
)

// gate stands before an emulator that grants everything, and answers some methods as Google does for an account that lacks
// a role: TestIamPermissions with an empty list, the others with PermissionDenied.
func gate(t *testing.T, behind string, denied map[string]codes.Code) (address string) {
	t.Helper()
	conn, err := grpc.NewClient(behind, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(frames{})))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(frames{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		var in, out []byte
		if err := stream.RecvMsg(&in); err != nil {
			return err
		}
		if code, is := denied[method]; is && code != codes.OK {
			return status.Error(code, "the caller does not have permission")
		} else if !is {
			if err := conn.Invoke(stream.Context(), method, &in, &out); err != nil {
				return err
			}
		}
		return stream.SendMsg(&out)
	}))
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := errors.Join(<-ended, conn.Close()); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// frames is a codec that passes messages on as they are.
type frames struct{}

func (frames) Name() string { return "proto" }

func (frames) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (frames) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}
