package emulator

import (
	"context"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/wire"
)

const (
	maxPull = 1000
	// pullWait is how long a Pull waits for the first message before it answers without any.
	pullWait = 10 * time.Second
	// maxResponse is about how many payload bytes one response holds at most; a single larger message still passes.
	maxResponse = 1 << 20
)

func (s *subscriber) pull(ctx context.Context, in *frame) (any, error) {
	var req pubsubpb.PullRequest
	if err := proto.Unmarshal(in.data.ReadOnlyData(), &req); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "Invalid PullRequest: %v.", err)
	}
	if req.GetMaxMessages() <= 0 {
		return nil, status.Errorf(codes.InvalidArgument, "Invalid max_messages: %d. It must be positive.", req.GetMaxMessages())
	}
	sub, err := s.broker.Subscription(req.GetSubscription())
	if err != nil {
		return nil, err
	}
	st, err := openPull(sub, broker.Limits{}, 0)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	wait := pullWait
	if req.GetReturnImmediately() { //nolint:staticcheck // deprecated, and still what some clients send
		wait = 0
	}
	messages, err := waitForMessages(ctx, st, int(min(req.GetMaxMessages(), maxPull)), wait)
	if err != nil {
		return nil, err
	}
	return receivedFrame(messages, nil), nil
}

// openPull opens a stream of a subscription that is not pushed.
func openPull(sub *broker.Subscription, limits broker.Limits, deadline time.Duration) (*broker.Stream, error) {
	if sub.Config().GetPushConfig().GetPushEndpoint() != "" {
		return nil, status.Errorf(codes.FailedPrecondition,
			"Subscription %s has a push endpoint: pulling is for pull subscriptions.", sub.Name())
	}
	return sub.Open(broker.Pull, limits, deadline)
}

// waitForMessages returns as soon as there are any, or none after wait.
func waitForMessages(ctx context.Context, st *broker.Stream, limit int, wait time.Duration) ([]broker.Delivery, error) {
	messages := st.Next(nil, limit, maxResponse)
	if len(messages) > 0 || wait == 0 {
		return messages, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for len(messages) == 0 {
		select {
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		case <-st.Done():
			return nil, st.Err()
		case <-timer.C:
			return nil, nil
		case <-st.Wake():
			messages = st.Next(nil, limit, maxResponse)
		}
	}
	return messages, nil
}

// receivedFrame encodes deliveries as received_messages, followed by tail: the encoded rest of the response.
func receivedFrame(messages []broker.Delivery, tail []byte) *frame {
	size := len(tail)
	for i := range messages {
		size += len(messages[i].Body) + wire.MaxOverhead
	}
	return newFrame(size, func(b []byte) []byte {
		var ackID [64]byte
		for i := range messages {
			m := &messages[i]
			b = wire.AppendReceived(b, &wire.Received{
				AckID: m.AckID.Append(ackID[:0]), ID: m.ID, Published: m.Published, Attempt: m.Attempt, Body: m.Body,
			})
		}
		return append(b, tail...)
	})
}
