package emulator

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"spillway/internal/emulator/broker"
)

// call is one StreamingPull call. The handler's goroutine sends, another one receives.
type call struct {
	stream grpc.ServerStream
	sub    *broker.Subscription
	lease  *broker.Stream
	most   int // messages in one response
	faults streamFaults
	dead   atomic.Bool   // a fault lets nothing through any more
	ended  chan error    // the receiver's last word
	notes  chan struct{} // something in pending waits to be sent; capacity 1

	mu      sync.Mutex
	pending *pubsubpb.StreamingPullResponse // a ping's answer and confirmations; nil when there are none
}

// streamingPull serves one call until the client or the subscription ends it.
func (s *subscriber) streamingPull(stream grpc.ServerStream) error {
	var first pubsubpb.StreamingPullRequest
	if err := stream.RecvMsg(&first); err != nil {
		return ignoreEOF(err)
	}
	if err := faultsBefore(stream.Context(), s.faults, streamingPull, first.GetSubscription()); err != nil {
		return err
	}
	c, err := s.open(stream, &first)
	if err != nil {
		return err
	}
	defer c.lease.Close()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	s.readers.Go(func() { c.receive(&first) })
	return c.send()
}

func (s *subscriber) open(stream grpc.ServerStream, first *pubsubpb.StreamingPullRequest) (*call, error) {
	sub, err := s.broker.Subscription(first.GetSubscription())
	if err != nil {
		return nil, err
	}
	seconds := first.GetStreamAckDeadlineSeconds()
	if seconds < 10 || seconds > 600 {
		return nil, status.Errorf(codes.InvalidArgument,
			"Invalid stream_ack_deadline_seconds: %d. It must be from 10 to 600.", seconds)
	}
	limits := broker.Limits{Messages: first.GetMaxOutstandingMessages(), Bytes: first.GetMaxOutstandingBytes()}
	lease, err := openPull(sub, limits, time.Duration(seconds)*time.Second)
	if err != nil {
		return nil, err
	}
	config := sub.Config()
	return &call{
		stream: stream, sub: sub, lease: lease, most: s.responseMessages,
		faults: streamFaults{
			set: s.faults, name: sub.Name(),
			exactlyOnce: config.GetEnableExactlyOnceDelivery(), ordered: config.GetEnableMessageOrdering(),
		},
		ended: make(chan error, 1), notes: make(chan struct{}, 1),
	}, nil
}

// send passes messages, confirmations and ping answers on until the call ends.
func (c *call) send() error {
	var messages []broker.Delivery
	ticker := time.NewTicker(lookPeriod)
	defer ticker.Stop()
	for {
		select {
		case err := <-c.ended:
			return err
		case <-c.lease.Done():
			return c.lease.Err()
		case <-c.stream.Context().Done():
			return status.FromContextError(c.stream.Context().Err()).Err()
		case <-c.notes:
		case <-c.lease.Wake():
		case <-ticker.C:
		}
		dead, end := c.faults.look()
		if end != nil {
			return end
		}
		if dead {
			c.dead.Store(true)
			<-c.stream.Context().Done()
			return status.FromContextError(c.stream.Context().Err()).Err()
		}
		messages = c.lease.Next(messages[:0], c.most, maxResponse)
		note := c.takeNote()
		if len(messages) == 0 && note == nil {
			continue
		}
		messages = c.faults.spoil(messages)
		if err := c.respond(messages, note); err != nil {
			return err
		}
		clear(messages) // so that the buffer keeps no payload alive
	}
}

func (c *call) respond(messages []broker.Delivery, note *pubsubpb.StreamingPullResponse) error {
	if note == nil {
		note = &pubsubpb.StreamingPullResponse{}
	}
	config := c.sub.Config()
	note.SubscriptionProperties = &pubsubpb.StreamingPullResponse_SubscriptionProperties{
		ExactlyOnceDeliveryEnabled: config.GetEnableExactlyOnceDelivery(),
		MessageOrderingEnabled:     config.GetEnableMessageOrdering(),
	}
	tail, err := proto.Marshal(note)
	if err != nil {
		return status.Errorf(codes.Internal, "Encoding a response: %v.", err)
	}
	return c.stream.SendMsg(receivedFrame(messages, tail))
}

func (c *call) takeNote() *pubsubpb.StreamingPullResponse {
	c.mu.Lock()
	defer c.mu.Unlock()
	note := c.pending
	c.pending = nil
	return note
}

// note lets f add to what is sent next.
func (c *call) note(f func(*pubsubpb.StreamingPullResponse)) {
	c.mu.Lock()
	if c.pending == nil {
		c.pending = &pubsubpb.StreamingPullResponse{}
	}
	f(c.pending)
	c.mu.Unlock()
	select {
	case c.notes <- struct{}{}:
	default:
	}
}

// receive applies requests until the client sends no more.
func (c *call) receive(first *pubsubpb.StreamingPullRequest) {
	pings := first.GetProtocolVersion() >= 1
	err := c.apply(first)
	for err == nil {
		var req pubsubpb.StreamingPullRequest
		if err = c.stream.RecvMsg(&req); err != nil {
			break
		}
		if c.dead.Load() {
			continue
		}
		if err = checkLater(&req); err != nil {
			break
		}
		if pings && len(req.GetAckIds())+len(req.GetModifyDeadlineAckIds()) == 0 {
			c.note(func(*pubsubpb.StreamingPullResponse) {})
		}
		err = c.apply(&req)
	}
	c.ended <- ignoreEOF(err)
}

// checkLater refuses what only a stream's first request may set.
func checkLater(req *pubsubpb.StreamingPullRequest) error {
	var field string
	switch {
	case req.GetSubscription() != "":
		field = "subscription"
	case req.GetMaxOutstandingMessages() != 0:
		field = "max_outstanding_messages"
	case req.GetMaxOutstandingBytes() != 0:
		field = "max_outstanding_bytes"
	case req.GetProtocolVersion() != 0:
		field = "protocol_version"
	default:
		return nil
	}
	return status.Errorf(codes.InvalidArgument, "Field %s can be set in a stream's first request only.", field)
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
