package pull

import (
	"context"
	"errors"
	"io"
	"path"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// observer counts what crosses the connection of one subscription's client. The high-level client hides failed acks
// and broken streams; on the wire they are plain to see.
type observer struct {
	subscription string // short ID, the label
	metrics      *Metrics
	state        *state
}

func (o *observer) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(o.unary), grpc.WithChainStreamInterceptor(o.stream)}
}

// unary counts acks, nacks and lease extensions by outcome.
func (o *observer) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	op := operation(req)
	if op == "" {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	begin := time.Now()
	err := invoke(ctx, method, req, reply, cc, opts...)
	o.metrics.ackRequests.WithLabelValues(o.subscription, op, status.Code(err).String()).Inc()
	o.metrics.ackDuration.WithLabelValues(o.subscription, op).Observe(time.Since(begin).Seconds())
	return err
}

func operation(req any) string {
	switch r := req.(type) {
	case *pubsubpb.AcknowledgeRequest:
		return opAck
	case *pubsubpb.ModifyAckDeadlineRequest:
		if r.GetAckDeadlineSeconds() == 0 {
			return opNack
		}
		return opModack
	}
	return ""
}

// stream follows StreamingPull streams from their opening to their end.
func (o *observer) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := open(ctx, desc, cc, method, opts...)
	if path.Base(method) != "StreamingPull" {
		return s, err
	}
	if err != nil {
		o.ended(err)
		return s, err
	}
	o.metrics.streamOpens.WithLabelValues(o.subscription).Inc()
	o.metrics.streamConnected.WithLabelValues(o.subscription).Inc()
	o.state.opened(time.Now())
	return &observedStream{ClientStream: s, observer: o}, nil
}

// ended counts the end of a stream unless this process ended it.
func (o *observer) ended(err error) {
	code := codes.OK
	if !errors.Is(err, io.EOF) {
		code = status.Code(err)
	}
	if code != codes.Canceled {
		o.metrics.streamErrors.WithLabelValues(o.subscription, code.String()).Inc()
	}
}

// observedStream tells the observer when the stream answers and when it ends.
type observedStream struct {
	grpc.ClientStream
	observer *observer
	closed   sync.Once
}

// RecvMsg passes the next response on.
func (s *observedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err == nil {
		s.observer.state.received()
		return nil
	}
	s.closed.Do(func() {
		s.observer.metrics.streamConnected.WithLabelValues(s.observer.subscription).Dec()
		s.observer.state.closed()
		s.observer.ended(err)
	})
	return err
}
