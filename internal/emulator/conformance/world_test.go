package conformance_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const (
	// quiet is how long nothing must come until nothing is believed to come. The official emulator looks every 50 ms.
	quiet = 2 * time.Second
	// patience is how long something that must come may take on a busy machine.
	patience = 40 * time.Second
)

// world is one case's project on one server, with the client library's generated and handwritten clients.
type world struct {
	*testing.T
	addr    string
	conn    *grpc.ClientConn
	project string
	client  *pubsub.Client
	topic   string
	sub     string
}

func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func newWorld(t *testing.T, addr string, conn *grpc.ClientConn, project string) *world {
	t.Helper()
	client, err := pubsub.NewClient(t.Context(), project, option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		T: t, addr: addr, conn: conn, project: project, client: client,
		topic: "projects/" + project + "/topics/orders", sub: "projects/" + project + "/subscriptions/billing",
	}
}

// must fails the case on an error of its preparations.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// bounded is a context that ends when a call has taken too long.
func (w *world) bounded() context.Context {
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	w.Cleanup(cancel)
	return ctx
}

// setUp makes the topic and a subscription of it, which edits change.
func (w *world) setUp(edits ...func(*pubsubpb.Subscription)) {
	w.Helper()
	_, err := w.client.TopicAdminClient.CreateTopic(w.bounded(), &pubsubpb.Topic{Name: w.topic})
	w.must(err)
	_, err = w.subscribe(edits...)
	w.must(err)
}

func (w *world) subscribe(edits ...func(*pubsubpb.Subscription)) (*pubsubpb.Subscription, error) {
	config := &pubsubpb.Subscription{Name: w.sub, Topic: w.topic}
	for _, edit := range edits {
		edit(config)
	}
	return w.client.SubscriptionAdminClient.CreateSubscription(w.bounded(), config)
}

func (w *world) publish(messages ...*pubsubpb.PubsubMessage) []string {
	w.Helper()
	ids, err := w.tryPublish(messages...)
	w.must(err)
	return ids
}

func (w *world) tryPublish(messages ...*pubsubpb.PubsubMessage) ([]string, error) {
	res, err := w.client.TopicAdminClient.Publish(w.bounded(), &pubsubpb.PublishRequest{Topic: w.topic, Messages: messages})
	return res.GetMessageIds(), err
}

// texts are messages with these data.
func texts(data ...string) []*pubsubpb.PubsubMessage {
	messages := make([]*pubsubpb.PubsubMessage, len(data))
	for i, d := range data {
		messages[i] = &pubsubpb.PubsubMessage{Data: []byte(d)}
	}
	return messages
}

// numbered are n messages with data 0, 1, 2 and so on, of one ordering key.
func numbered(n int, key string) []*pubsubpb.PubsubMessage {
	messages := make([]*pubsubpb.PubsubMessage, n)
	for i := range n {
		messages[i] = &pubsubpb.PubsubMessage{Data: fmt.Append(nil, i), OrderingKey: key}
	}
	return messages
}

// pull collects up to n messages for at most the given time. It leaves off early only when n have come.
func (w *world) pull(n int, within time.Duration) []*pubsubpb.ReceivedMessage {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), within)
	defer cancel()
	var got []*pubsubpb.ReceivedMessage
	for len(got) < n && ctx.Err() == nil {
		res, err := w.client.SubscriptionAdminClient.Pull(ctx,
			&pubsubpb.PullRequest{Subscription: w.sub, MaxMessages: int32(n - len(got))})
		if err != nil && ctx.Err() == nil && status.Code(err) != codes.DeadlineExceeded {
			w.Fatalf("pulling: %v", err)
		}
		got = append(got, res.GetReceivedMessages()...)
	}
	return got
}

// pullOne returns the message that comes next.
func (w *world) pullOne() *pubsubpb.ReceivedMessage {
	w.Helper()
	got := w.pull(1, patience)
	if len(got) != 1 {
		w.Fatal("no message came")
	}
	return got[0]
}

func (w *world) ack(ids ...string) error {
	return w.client.SubscriptionAdminClient.Acknowledge(w.bounded(), &pubsubpb.AcknowledgeRequest{Subscription: w.sub, AckIds: ids})
}

func (w *world) modify(seconds int32, ids ...string) error {
	return w.client.SubscriptionAdminClient.ModifyAckDeadline(w.bounded(),
		&pubsubpb.ModifyAckDeadlineRequest{Subscription: w.sub, AckDeadlineSeconds: seconds, AckIds: ids})
}

func ackIDs(messages []*pubsubpb.ReceivedMessage) []string {
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = m.GetAckId()
	}
	return ids
}

// data lists what messages carry.
func data(messages []*pubsubpb.ReceivedMessage) string {
	list := make([]string, len(messages))
	for i, m := range messages {
		list[i] = string(m.GetMessage().GetData())
	}
	return strings.Join(list, " ")
}

// code is an error's gRPC code, and OK for none.
func code(err error) string { return status.Code(err).String() }

// roughly says what a duration is close to: timers and polls of the servers make it a little longer, never much shorter.
func roughly(d time.Duration, expected ...time.Duration) string {
	for _, e := range expected {
		if d > e-300*time.Millisecond && d < e+e/4+2*time.Second {
			return "after " + e.String()
		}
	}
	if d < time.Second {
		return "at once"
	}
	return "after " + d.Round(time.Second/10).String()
}
