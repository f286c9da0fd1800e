package emulator_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"spillway/internal/testenv"
)

// The conformance suite asks a server questions through the public API. The service's documentation gives the answer that
// this emulator has to give; where the official emulator answers otherwise, its answer stands beside it.

// side is a topic and a subscription of its own on one server.
type side struct {
	t          *testing.T
	publisher  pubsubpb.PublisherClient
	subscriber pubsubpb.SubscriberClient
	topic, sub string
}

// question is one behaviour: what is observed, and what is documented.
type question struct {
	config     func(*pubsubpb.Subscription) // nil: a plain subscription
	ask        func(*side) string
	documented string
	official   string // the official emulator's answer; empty: as documented
}

func newSide(t *testing.T, addr, name string, config func(*pubsubpb.Subscription)) *side {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	id := strings.ReplaceAll(name, " ", "-")
	s := &side{
		t: t, publisher: pubsubpb.NewPublisherClient(conn), subscriber: pubsubpb.NewSubscriberClient(conn),
		topic: "projects/conformance/topics/t-" + id, sub: "projects/conformance/subscriptions/s-" + id,
	}
	s.createTopic(s.topic)
	c := &pubsubpb.Subscription{Name: s.sub, Topic: s.topic, AckDeadlineSeconds: 10}
	if config != nil {
		config(c)
		if d := c.GetDeadLetterPolicy(); d != nil {
			s.createTopic(d.GetDeadLetterTopic())
			s.createSubscription(&pubsubpb.Subscription{Name: s.sub + "-dead", Topic: d.GetDeadLetterTopic()})
		}
	}
	s.createSubscription(c)
	return s
}

func (s *side) createTopic(name string) {
	s.t.Helper()
	if _, err := s.publisher.CreateTopic(s.t.Context(), &pubsubpb.Topic{Name: name}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *side) createSubscription(c *pubsubpb.Subscription) {
	s.t.Helper()
	if _, err := s.subscriber.CreateSubscription(s.t.Context(), c); err != nil {
		s.t.Fatal(err)
	}
}

func (s *side) publish(messages ...*pubsubpb.PubsubMessage) error {
	_, err := s.publisher.Publish(s.t.Context(), &pubsubpb.PublishRequest{Topic: s.topic, Messages: messages})
	return err
}

// send publishes texts, with an ordering key unless it is empty.
func (s *side) send(key string, texts ...string) {
	s.t.Helper()
	var messages []*pubsubpb.PubsubMessage
	for _, text := range texts {
		messages = append(messages, &pubsubpb.PubsubMessage{Data: []byte(text), OrderingKey: key})
	}
	if err := s.publish(messages...); err != nil {
		s.t.Fatal(err)
	}
}

// patience is how long a pull waits for messages that may not come; servers may answer without any before.
const patience = 1500 * time.Millisecond

// pull waits until n messages have come, at most for its patience.
func (s *side) pull(name string, n int) []*pubsubpb.ReceivedMessage {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var got []*pubsubpb.ReceivedMessage
	for len(got) < n {
		res, err := s.subscriber.Pull(ctx, &pubsubpb.PullRequest{Subscription: name, MaxMessages: int32(n - len(got))})
		if status.Code(err) == codes.DeadlineExceeded {
			break
		}
		if err != nil {
			s.t.Fatal(err)
		}
		got = append(got, res.GetReceivedMessages()...)
	}
	return got
}

func data(messages []*pubsubpb.ReceivedMessage) string {
	var list []string
	for _, m := range messages {
		list = append(list, string(m.GetMessage().GetData()))
	}
	return strings.Join(list, " ")
}

func ackIDsIn(messages []*pubsubpb.ReceivedMessage) []string {
	var ids []string
	for _, m := range messages {
		ids = append(ids, m.GetAckId())
	}
	return ids
}

func (s *side) ack(messages ...*pubsubpb.ReceivedMessage) error {
	_, err := s.subscriber.Acknowledge(s.t.Context(), &pubsubpb.AcknowledgeRequest{Subscription: s.sub, AckIds: ackIDsIn(messages)})
	return err
}

func (s *side) modify(seconds int32, messages ...*pubsubpb.ReceivedMessage) error {
	_, err := s.subscriber.ModifyAckDeadline(s.t.Context(), &pubsubpb.ModifyAckDeadlineRequest{
		Subscription: s.sub, AckIds: ackIDsIn(messages), AckDeadlineSeconds: seconds,
	})
	return err
}

// open starts a StreamingPull call that ends after d.
func (s *side) open(d time.Duration, limit int64) (pubsubpb.Subscriber_StreamingPullClient, context.CancelFunc) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	stream, err := s.subscriber.StreamingPull(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := stream.Send(&pubsubpb.StreamingPullRequest{
		Subscription: s.sub, StreamAckDeadlineSeconds: 60, MaxOutstandingMessages: limit, ProtocolVersion: 1,
	}); err != nil {
		s.t.Fatal(err)
	}
	return stream, cancel
}

func code(err error) string { return status.Code(err).String() }

// metadata gives the failures that an ErrorInfo names, without the ack ids.
func metadata(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			var reasons []string
			for _, reason := range info.GetMetadata() {
				reasons = append(reasons, reason)
			}
			slices.Sort(reasons)
			return strings.Join(reasons, " ")
		}
	}
	return "no ErrorInfo"
}

func TestConformance(t *testing.T) {
	t.Parallel()
	app := start(t)
	for name, q := range questions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := q.ask(newSide(t, app.Addr(), name, q.config)); got != q.documented {
				t.Errorf("got %q, documented is %q", got, q.documented)
			}
		})
	}
}

func TestConformanceOfTheOfficialEmulator(t *testing.T) {
	t.Parallel()
	addr := testenv.OfficialEmulator(t)
	for name, q := range questions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := q.documented
			if q.official != "" {
				want = q.official
			}
			if got := q.ask(newSide(t, addr, name, q.config)); got != want {
				t.Errorf("got %q, noted is %q", got, want)
			}
		})
	}
}
