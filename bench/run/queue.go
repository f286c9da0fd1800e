package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

const (
	// Project owns the queues.
	Project = "bench"
	// Payload is how many bytes of data a message has, beside two attributes.
	Payload = 1024
	// Batch is how many messages a Publish holds.
	Batch = 1000

	publishers = 2 // Publish calls at a time
)

// Queue is a topic with one subscription of the same ID on one server.
type Queue struct {
	Conn *grpc.ClientConn
	ID   string
}

// NewQueue makes the topic and the subscription, whose ack deadline of 10 min outlasts any benchmark.
func NewQueue(ctx context.Context, conn *grpc.ClientConn, id string) (*Queue, error) {
	q := &Queue{Conn: conn, ID: id}
	wait := grpc.WaitForReady(true)
	if _, err := pubsubpb.NewPublisherClient(conn).CreateTopic(ctx, &pubsubpb.Topic{Name: q.Topic()}, wait); err != nil {
		return nil, fmt.Errorf("creating the topic: %w", err)
	}
	config := &pubsubpb.Subscription{Name: q.Subscription(), Topic: q.Topic(), AckDeadlineSeconds: 600}
	if _, err := pubsubpb.NewSubscriberClient(conn).CreateSubscription(ctx, config, wait); err != nil {
		return nil, fmt.Errorf("creating the subscription: %w", err)
	}
	return q, nil
}

// Topic is the topic's full name.
func (q *Queue) Topic() string { return "projects/" + Project + "/topics/" + q.ID }

// Subscription is the subscription's full name.
func (q *Queue) Subscription() string { return "projects/" + Project + "/subscriptions/" + q.ID }

// Delete ends the subscription and the topic.
func (q *Queue) Delete(ctx context.Context) error {
	sub := &pubsubpb.DeleteSubscriptionRequest{Subscription: q.Subscription()}
	if _, err := pubsubpb.NewSubscriberClient(q.Conn).DeleteSubscription(ctx, sub); err != nil {
		return fmt.Errorf("deleting the subscription: %w", err)
	}
	if _, err := pubsubpb.NewPublisherClient(q.Conn).DeleteTopic(ctx, &pubsubpb.DeleteTopicRequest{Topic: q.Topic()}); err != nil {
		return fmt.Errorf("deleting the topic: %w", err)
	}
	return nil
}

// Fill publishes n messages, a multiple of Batch, and returns how long it took.
func (q *Queue) Fill(ctx context.Context, n int) (time.Duration, error) {
	request, err := q.encodedBatch()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	batches := make(chan struct{}, n/Batch)
	for range n / Batch {
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

func (q *Queue) publishAll(ctx context.Context, batches <-chan struct{}, request *Raw) error {
	for range batches {
		if err := q.Conn.Invoke(ctx, pubsubpb.Publisher_Publish_FullMethodName, request, &Raw{}, AsRaw()); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	return nil
}

func (q *Queue) encodedBatch() (*Raw, error) {
	req := &pubsubpb.PublishRequest{Topic: q.Topic()}
	for i := range Batch {
		req.Messages = append(req.Messages, &pubsubpb.PubsubMessage{
			Data: bytes.Repeat([]byte("x"), Payload), Attributes: map[string]string{"tenant": "a", "n": strconv.Itoa(i)},
		})
	}
	b, err := proto.Marshal(req)
	return &Raw{Bytes: b}, err
}
