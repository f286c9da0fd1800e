package emulator_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func questions() map[string]question {
	all := resourceQuestions()
	maps.Copy(all, deliveryQuestions())
	return all
}

// resourceQuestions are about publishing, topics and subscriptions.
func resourceQuestions() map[string]question {
	return map[string]question{
		"publish to a missing topic": {ask: func(s *side) string {
			_, err := s.publisher.Publish(s.t.Context(), &pubsubpb.PublishRequest{
				Topic: s.topic + "-missing", Messages: []*pubsubpb.PubsubMessage{{Data: []byte("x")}},
			})
			return code(err)
		}, documented: "NotFound"},
		"publish 1001 messages": {ask: func(s *side) string {
			return code(s.publish(slices.Repeat([]*pubsubpb.PubsubMessage{{Data: []byte("x")}}, 1001)...))
		}, documented: "InvalidArgument"},
		"publish an empty message": {ask: func(s *side) string {
			return code(s.publish(&pubsubpb.PubsubMessage{}))
		}, documented: "InvalidArgument"},
		"publish a long attribute": {ask: func(s *side) string {
			return code(s.publish(&pubsubpb.PubsubMessage{Attributes: map[string]string{"a": strings.Repeat("v", 1025)}}))
		}, documented: "InvalidArgument", official: "OK"},
		"create what exists": {ask: func(s *side) string {
			_, topic := s.publisher.CreateTopic(s.t.Context(), &pubsubpb.Topic{Name: s.topic})
			_, sub := s.subscriber.CreateSubscription(s.t.Context(), &pubsubpb.Subscription{Name: s.sub, Topic: s.topic})
			return code(topic) + " " + code(sub)
		}, documented: "AlreadyExists AlreadyExists"},
		"create with a malformed name": {ask: func(s *side) string {
			_, err := s.publisher.CreateTopic(s.t.Context(), &pubsubpb.Topic{Name: "projects/conformance/topics/x"})
			return code(err)
		}, documented: "InvalidArgument"},
		"subscribe to a missing topic": {ask: func(s *side) string {
			_, err := s.subscriber.CreateSubscription(s.t.Context(), &pubsubpb.Subscription{Name: s.sub + "-2", Topic: s.topic + "-2"})
			return code(err)
		}, documented: "NotFound"},
		"a short ack deadline": {ask: func(s *side) string {
			_, err := s.subscriber.CreateSubscription(s.t.Context(), &pubsubpb.Subscription{
				Name: s.sub + "-2", Topic: s.topic, AckDeadlineSeconds: 5,
			})
			return code(err)
		}, documented: "InvalidArgument", official: "OK"},
		"update without a mask": {ask: func(s *side) string {
			_, err := s.subscriber.UpdateSubscription(s.t.Context(), &pubsubpb.UpdateSubscriptionRequest{
				Subscription: &pubsubpb.Subscription{Name: s.sub},
			})
			return code(err)
		}, documented: "InvalidArgument"},
		"update the ack deadline": {ask: func(s *side) string {
			c, err := s.subscriber.UpdateSubscription(s.t.Context(), &pubsubpb.UpdateSubscriptionRequest{
				Subscription: &pubsubpb.Subscription{Name: s.sub, AckDeadlineSeconds: 42},
				UpdateMask:   &fieldmaskpb.FieldMask{Paths: []string{"ack_deadline_seconds"}},
			})
			return fmt.Sprint(code(err), " ", c.GetAckDeadlineSeconds())
		}, documented: "OK 42"},
		"subscription of a deleted topic": {ask: func(s *side) string {
			if _, err := s.publisher.DeleteTopic(s.t.Context(), &pubsubpb.DeleteTopicRequest{Topic: s.topic}); err != nil {
				return code(err)
			}
			c, err := s.subscriber.GetSubscription(s.t.Context(), &pubsubpb.GetSubscriptionRequest{Subscription: s.sub})
			return code(err) + " " + c.GetTopic()
		}, documented: "OK _deleted-topic_"},
	}
}

// deliveryQuestions are about messages after they have been published.
func deliveryQuestions() map[string]question {
	return map[string]question{
		"bogus ack id": {ask: func(s *side) string {
			return code(s.ack(&pubsubpb.ReceivedMessage{AckId: "bogus"}))
		}, documented: "InvalidArgument"},
		"ack twice": {ask: func(s *side) string {
			s.send("", "a")
			m := s.pull(s.sub, 1)
			return code(s.ack(m...)) + " " + code(s.ack(m...))
		}, documented: "OK OK"},
		"nack": {ask: func(s *side) string {
			s.send("", "a")
			if err := s.modify(0, s.pull(s.sub, 1)...); err != nil {
				return code(err)
			}
			return data(s.pull(s.sub, 1))
		}, documented: "a"},
		"one deadline passes and one is extended": {ask: func(s *side) string {
			s.send("", "a", "b")
			for _, m := range s.pull(s.sub, 2) {
				if string(m.GetMessage().GetData()) == "b" {
					if err := s.modify(60, m); err != nil {
						return code(err)
					}
				}
			}
			early := len(s.pull(s.sub, 1))
			var late []*pubsubpb.ReceivedMessage
			for start := time.Now(); len(late) == 0 && time.Since(start) < 14*time.Second; {
				late = s.pull(s.sub, 1)
			}
			return fmt.Sprintf("early %d, then %s and %d more", early, data(late), len(s.pull(s.sub, 1)))
		}, documented: "early 0, then a and 0 more"},
		"flow control on messages": {ask: func(s *side) string {
			s.send("", slices.Repeat([]string{"x"}, 50)...)
			stream, cancel := s.open(2*time.Second, 10)
			defer cancel()
			n := 0
			for {
				res, err := stream.Recv()
				if err != nil {
					return fmt.Sprint(n)
				}
				n += len(res.GetReceivedMessages())
			}
		}, documented: "10", official: "50"},
		"stream keep-alive": {ask: func(s *side) string {
			stream, cancel := s.open(2*time.Second, 10)
			defer cancel()
			if err := stream.Send(&pubsubpb.StreamingPullRequest{}); err != nil {
				return code(err)
			}
			if _, err := stream.Recv(); err != nil {
				return "not answered"
			}
			return "answered"
		}, documented: "answered", official: "not answered"},
		"a stream of a deleted subscription": {ask: func(s *side) string {
			stream, cancel := s.open(5*time.Second, 10)
			defer cancel()
			time.AfterFunc(500*time.Millisecond, func() { // the stream is open by then; neither server confirms it alike
				_, _ = s.subscriber.DeleteSubscription(context.WithoutCancel(s.t.Context()),
					&pubsubpb.DeleteSubscriptionRequest{Subscription: s.sub})
			})
			_, err := stream.Recv()
			return code(err)
		}, documented: "NotFound"},
		"ordering": {config: func(c *pubsubpb.Subscription) { c.EnableMessageOrdering = true }, ask: func(s *side) string {
			s.send("k", "1", "2", "3")
			m := s.pull(s.sub, 3)
			if data(m) != "1 2 3" {
				return "at first " + data(m)
			}
			if err := s.modify(0, m[0]); err != nil {
				return code(err)
			}
			return "again " + data(s.pull(s.sub, 3))
		}, documented: "again 1 2 3", official: "again "},
		"exactly once": {config: func(c *pubsubpb.Subscription) { c.EnableExactlyOnceDelivery = true }, ask: func(s *side) string {
			s.send("", "a")
			m := s.pull(s.sub, 1)
			first, second := s.ack(m...), s.ack(m...)
			return code(first) + ", then " + code(second) + " " + metadata(second)
		}, documented: "OK, then InvalidArgument PERMANENT_FAILURE_INVALID_ACK_ID"},
		"dead letters": {config: func(c *pubsubpb.Subscription) {
			c.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{
				DeadLetterTopic: "projects/conformance/topics/dead-letters-of-it", MaxDeliveryAttempts: 5,
			}
		}, ask: askDeadLetters, documented: "1 2 3 4 5, then a from s-dead-letters after 5"},
		"filter": {config: func(c *pubsubpb.Subscription) { c.Filter = `attributes.kind = "a"` }, ask: func(s *side) string {
			err := s.publish(
				&pubsubpb.PubsubMessage{Data: []byte("a"), Attributes: map[string]string{"kind": "a"}},
				&pubsubpb.PubsubMessage{Data: []byte("b"), Attributes: map[string]string{"kind": "b"}})
			return code(err) + " " + data(s.pull(s.sub, 2))
		}, documented: "OK a", official: "OK a b"},
		"retry policy": {config: func(c *pubsubpb.Subscription) {
			c.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: durationpb.New(3 * time.Second), MaximumBackoff: durationpb.New(9 * time.Second)}
		}, ask: func(s *side) string {
			s.send("", "a")
			if err := s.modify(0, s.pull(s.sub, 1)...); err != nil {
				return code(err)
			}
			if len(s.pull(s.sub, 1)) > 0 {
				return "at once"
			}
			return "after the back-off"
		}, documented: "after the back-off", official: "at once"},
		"seek back": {config: func(c *pubsubpb.Subscription) { c.RetainAckedMessages = true }, ask: func(s *side) string {
			s.send("", "a", "b")
			if err := s.ack(s.pull(s.sub, 2)...); err != nil {
				return code(err)
			}
			return s.seek(time.Now().Add(-time.Minute)) + " " + sorted(data(s.pull(s.sub, 2)))
		}, documented: "OK a b"},
		"seek forward": {ask: func(s *side) string {
			s.send("", "a", "b")
			return s.seek(time.Now().Add(time.Minute)) + " " + data(s.pull(s.sub, 2))
		}, documented: "OK "},
		"detach": {ask: func(s *side) string {
			_, err := s.publisher.DetachSubscription(s.t.Context(), &pubsubpb.DetachSubscriptionRequest{Subscription: s.sub})
			if err != nil {
				return code(err)
			}
			_, err = s.subscriber.Pull(s.t.Context(), &pubsubpb.PullRequest{Subscription: s.sub, MaxMessages: 1})
			return "OK, then " + code(err)
		}, documented: "OK, then FailedPrecondition", official: "Unimplemented"},
	}
}

func sorted(words string) string {
	list := strings.Fields(words)
	slices.Sort(list)
	return strings.Join(list, " ")
}

func (s *side) seek(to time.Time) string {
	_, err := s.subscriber.Seek(s.t.Context(), &pubsubpb.SeekRequest{
		Subscription: s.sub, Target: &pubsubpb.SeekRequest_Time{Time: timestamppb.New(to)},
	})
	return code(err)
}

func askDeadLetters(s *side) string {
	s.send("", "a")
	var attempts []string
	for range 5 {
		m := s.pull(s.sub, 1)
		if len(m) != 1 {
			break
		}
		attempts = append(attempts, fmt.Sprint(m[0].GetDeliveryAttempt()))
		if err := s.modify(0, m...); err != nil {
			return code(err)
		}
	}
	answer := strings.Join(attempts, " ")
	if again := s.pull(s.sub, 1); len(again) > 0 {
		answer += " and again"
	}
	for _, m := range s.pull(s.sub+"-dead", 1) {
		a := m.GetMessage().GetAttributes()
		answer += fmt.Sprintf(", then %s from %s after %s", m.GetMessage().GetData(),
			a["CloudPubSubDeadLetterSourceSubscription"], a["CloudPubSubDeadLetterSourceDeliveryCount"])
	}
	return answer
}
