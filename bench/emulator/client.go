package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"spillway/bench/run"
)

const outstanding = 10_000

// drain receives and acknowledges at least n messages over one stream, acks on the stream itself. It returns how many there
// were, how long it took until the last ack was sent, and until the server had applied it: it ends the stream after that.
func drain(ctx context.Context, q *run.Queue, n int) (got int, sent, applied time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := open(ctx, q, outstanding)
	if err != nil {
		return 0, 0, 0, err
	}
	begin := time.Now()
	var in run.Raw
	for got < n {
		if err := stream.RecvMsg(&in); err != nil {
			return got, 0, 0, fmt.Errorf("receiving: %w", err)
		}
		acks, count, err := acknowledge(in.Bytes)
		if err != nil {
			return got, 0, 0, err
		}
		got += count
		if err := stream.SendMsg(&run.Raw{Bytes: acks}); err != nil {
			return got, 0, 0, fmt.Errorf("acknowledging: %w", err)
		}
	}
	sent = time.Since(begin)
	return got, sent, sent + waitForEnd(stream), nil
}

// open opens a stream that holds up to so many messages.
func open(ctx context.Context, q *run.Queue, outstanding int64) (grpc.ClientStream, error) {
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := q.Conn.NewStream(ctx, desc, pubsubpb.Subscriber_StreamingPull_FullMethodName, run.AsRaw())
	if err != nil {
		return nil, fmt.Errorf("opening a stream: %w", err)
	}
	first, err := proto.Marshal(&pubsubpb.StreamingPullRequest{
		Subscription: q.Subscription(), StreamAckDeadlineSeconds: 60, MaxOutstandingMessages: outstanding,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the first request: %w", err)
	}
	return stream, stream.SendMsg(&run.Raw{Bytes: first})
}

// waitForEnd closes the sending side. A server that has read every ack then ends the stream; one that does not within a
// moment (the official emulator) is not held to it.
func waitForEnd(stream grpc.ClientStream) time.Duration {
	begin := time.Now()
	ended := make(chan time.Duration, 1)
	go func() {
		err := stream.CloseSend()
		for in := (run.Raw{}); err == nil; {
			err = stream.RecvMsg(&in)
		}
		if errors.Is(err, io.EOF) {
			ended <- time.Since(begin)
		}
	}()
	select {
	case d := <-ended:
		return d
	case <-time.After(time.Second):
		return 0
	}
}

// acknowledge turns a response into the request that acknowledges its messages.
func acknowledge(response []byte) (request []byte, n int, err error) {
	request = make([]byte, 0, 32<<10)
	for len(response) > 0 {
		number, _, size := protowire.ConsumeTag(response)
		if size < 0 {
			return nil, 0, protowire.ParseError(size)
		}
		field, length := protowire.ConsumeBytes(response[size:])
		if length < 0 {
			return nil, 0, protowire.ParseError(length)
		}
		response = response[size+length:]
		if number != 1 || len(field) == 0 {
			continue
		}
		id, length := protowire.ConsumeBytes(field[1:]) // the ack id comes first, its tag is one byte
		if length < 0 {
			return nil, 0, protowire.ParseError(length)
		}
		request = protowire.AppendTag(request, 2, protowire.BytesType)
		request = protowire.AppendBytes(request, id)
		n++
	}
	return request, n, nil
}
