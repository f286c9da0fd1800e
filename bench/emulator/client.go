package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	payload     = 1024 // bytes of data in a message
	batch       = 1000 // messages in a Publish
	publishers  = 2    // Publish calls at a time
	outstanding = 10_000
)

// queue is a topic with one subscription on one server.
type queue struct {
	conn       *grpc.ClientConn
	topic, sub string
}

func newQueue(ctx context.Context, conn *grpc.ClientConn, name string) (*queue, error) {
	q := &queue{conn: conn, topic: "projects/bench/topics/" + name, sub: "projects/bench/subscriptions/" + name}
	wait := grpc.WaitForReady(true)
	if _, err := pubsubpb.NewPublisherClient(conn).CreateTopic(ctx, &pubsubpb.Topic{Name: q.topic}, wait); err != nil {
		return nil, fmt.Errorf("creating the topic: %w", err)
	}
	config := &pubsubpb.Subscription{Name: q.sub, Topic: q.topic, AckDeadlineSeconds: 600}
	if _, err := pubsubpb.NewSubscriberClient(conn).CreateSubscription(ctx, config, wait); err != nil {
		return nil, fmt.Errorf("creating the subscription: %w", err)
	}
	return q, nil
}

// fill publishes n messages, a multiple of the batch, and returns how long it took.
func (q *queue) fill(ctx context.Context, n int) (time.Duration, error) {
	request, err := q.encodedBatch()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	batches := make(chan struct{}, n/batch)
	for range n / batch {
		batches <- struct{}{}
	}
	close(batches)
	results := make(chan error, publishers)
	for range publishers {
		go func() { results <- q.publishAll(ctx, batches, request) }()
	}
	for range publishers {
		err = errors.Join(err, <-results)
	}
	return time.Since(begin), err
}

func (q *queue) publishAll(ctx context.Context, batches <-chan struct{}, request *raw) error {
	for range batches {
		if err := q.conn.Invoke(ctx, pubsubpb.Publisher_Publish_FullMethodName, request, &raw{}, asRaw()); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	return nil
}

func (q *queue) encodedBatch() (*raw, error) {
	req := &pubsubpb.PublishRequest{Topic: q.topic}
	for i := range batch {
		req.Messages = append(req.Messages, &pubsubpb.PubsubMessage{
			Data: bytes.Repeat([]byte("x"), payload), Attributes: map[string]string{"tenant": "a", "n": strconv.Itoa(i)},
		})
	}
	b, err := proto.Marshal(req)
	return &raw{b}, err
}

// drain receives and acknowledges at least n messages over one stream, acks on the stream itself. It returns how many there
// were, how long it took until the last ack was sent, and until the server had applied it: it ends the stream after that.
func (q *queue) drain(ctx context.Context, n int) (got int, sent, applied time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := q.open(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	begin := time.Now()
	var in raw
	for got < n {
		if err := stream.RecvMsg(&in); err != nil {
			return got, 0, 0, fmt.Errorf("receiving: %w", err)
		}
		acks, count, err := acknowledge(in.b)
		if err != nil {
			return got, 0, 0, err
		}
		got += count
		if err := stream.SendMsg(&raw{acks}); err != nil {
			return got, 0, 0, fmt.Errorf("acknowledging: %w", err)
		}
	}
	sent = time.Since(begin)
	return got, sent, sent + waitForEnd(stream), nil
}

func (q *queue) open(ctx context.Context) (grpc.ClientStream, error) {
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := q.conn.NewStream(ctx, desc, pubsubpb.Subscriber_StreamingPull_FullMethodName, asRaw())
	if err != nil {
		return nil, fmt.Errorf("opening a stream: %w", err)
	}
	first, err := proto.Marshal(&pubsubpb.StreamingPullRequest{
		Subscription: q.sub, StreamAckDeadlineSeconds: 60, MaxOutstandingMessages: outstanding,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the first request: %w", err)
	}
	return stream, stream.SendMsg(&raw{first})
}

// waitForEnd closes the sending side. A server that has read every ack then ends the stream; one that does not within a
// moment (the official emulator) is not held to it.
func waitForEnd(stream grpc.ClientStream) time.Duration {
	begin := time.Now()
	ended := make(chan time.Duration, 1)
	go func() {
		err := stream.CloseSend()
		for in := (raw{}); err == nil; {
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
