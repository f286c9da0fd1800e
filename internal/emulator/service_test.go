package emulator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"spillway/internal/emulator"
)

func TestSubscriptionsChangeByFieldMask(t *testing.T) {
	app := start(t)
	subscriber := pubsubpb.NewSubscriberClient(dial(t, app))
	update := func(c *pubsubpb.Subscription, paths ...string) (*pubsubpb.Subscription, error) {
		c.Name = subName
		return subscriber.UpdateSubscription(t.Context(), &pubsubpb.UpdateSubscriptionRequest{
			Subscription: c, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
	}
	got, err := update(&pubsubpb.Subscription{
		AckDeadlineSeconds: 30, Labels: map[string]string{"a": "b"}, RetainAckedMessages: true,
		RetryPolicy: &pubsubpb.RetryPolicy{MinimumBackoff: durationpb.New(time.Second)},
	}, "ack_deadline_seconds", "labels", "retry_policy")
	if err != nil {
		t.Fatal(err)
	}
	if got.GetAckDeadlineSeconds() != 30 || got.GetLabels()["a"] != "b" || got.GetRetainAckedMessages() ||
		got.GetRetryPolicy().GetMaximumBackoff().AsDuration() != 600*time.Second {
		t.Errorf("updated to %v", got)
	}
	got, err = update(&pubsubpb.Subscription{RetryPolicy: &pubsubpb.RetryPolicy{MinimumBackoff: durationpb.New(5 * time.Second)}},
		"retry_policy.minimum_backoff", "labels")
	if err != nil || got.GetRetryPolicy().GetMinimumBackoff().AsDuration() != 5*time.Second || len(got.GetLabels()) != 0 {
		t.Errorf("updated to %v, %v", got, err)
	}
	for path, want := range map[string]string{
		"":                        "update_mask",
		"filter":                  "filter",
		"enable_message_ordering": "enable_message_ordering",
		"topic":                   "topic",
		"nonsense":                "nonsense",
		"labels.a":                "labels.a",
		"retry_policy.x":          "retry_policy.x",
	} {
		_, err := update(&pubsubpb.Subscription{}, strings.Fields(path)...)
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestTopicsChangeByFieldMask(t *testing.T) {
	app := start(t)
	publisher := pubsubpb.NewPublisherClient(dial(t, app))
	got, err := publisher.UpdateTopic(t.Context(), &pubsubpb.UpdateTopicRequest{
		Topic:      &pubsubpb.Topic{Name: topicName, MessageRetentionDuration: durationpb.New(time.Hour)},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"message_retention_duration"}},
	})
	if err != nil || got.GetMessageRetentionDuration().AsDuration() != time.Hour {
		t.Fatalf("updated to %v, %v", got, err)
	}
	sub, err := pubsubpb.NewSubscriberClient(dial(t, app)).GetSubscription(t.Context(), &pubsubpb.GetSubscriptionRequest{Subscription: subName})
	if err != nil || sub.GetTopicMessageRetentionDuration().AsDuration() != time.Hour {
		t.Fatalf("the subscription says %v, %v", sub, err)
	}
}

func TestListsComeInPages(t *testing.T) {
	app := start(t, func(o *emulator.Options) {
		o.Create = nil
		for i := range 5 {
			o.Create = append(o.Create, fmt.Sprintf("topic%d:sub%d", i, i))
		}
		o.Create = append(o.Create, "projects/other/topics/topic9:sub9")
	})
	conn := dial(t, app)
	var names []string
	token := ""
	for range 3 {
		res, err := pubsubpb.NewPublisherClient(conn).ListTopics(t.Context(),
			&pubsubpb.ListTopicsRequest{Project: "projects/demo", PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range res.GetTopics() {
			names = append(names, strings.TrimPrefix(topic.GetName(), "projects/demo/topics/"))
		}
		token = res.GetNextPageToken()
	}
	if strings.Join(names, " ") != "topic0 topic1 topic2 topic3 topic4" || token != "" {
		t.Errorf("listed %v, token %q", names, token)
	}
	subs, err := pubsubpb.NewSubscriberClient(conn).ListSubscriptions(t.Context(), &pubsubpb.ListSubscriptionsRequest{Project: "projects/other"})
	if err != nil || len(subs.GetSubscriptions()) != 1 {
		t.Errorf("listed %v, %v", subs, err)
	}
	of, err := pubsubpb.NewPublisherClient(conn).ListTopicSubscriptions(t.Context(),
		&pubsubpb.ListTopicSubscriptionsRequest{Topic: "projects/demo/topics/topic3"})
	if err != nil || len(of.GetSubscriptions()) != 1 || of.GetSubscriptions()[0] != "projects/demo/subscriptions/sub3" {
		t.Errorf("listed %v, %v", of, err)
	}
	_, err = pubsubpb.NewPublisherClient(conn).ListTopics(t.Context(), &pubsubpb.ListTopicsRequest{Project: "demo"})
	expectCode(t, err, codes.InvalidArgument)
	_, err = pubsubpb.NewPublisherClient(conn).ListTopics(t.Context(), &pubsubpb.ListTopicsRequest{Project: "projects/demo", PageToken: "!"})
	expectCode(t, err, codes.InvalidArgument)
}

func TestAResponseHoldsAtMostWhatTheOptionSays(t *testing.T) {
	for _, most := range []int{1, 7, 1000} {
		app := start(t, func(o *emulator.Options) { o.MaxResponseMessages = most })
		conn := dial(t, app)
		publish(t, conn, 20)
		s, err := pubsubpb.NewSubscriberClient(conn).StreamingPull(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(&pubsubpb.StreamingPullRequest{Subscription: subName, StreamAckDeadlineSeconds: 10}); err != nil {
			t.Fatal(err)
		}
		for left := 20; left > 0; {
			res, err := s.Recv()
			if err != nil {
				t.Fatal(err)
			}
			got := len(res.GetReceivedMessages())
			if got != min(most, left) {
				t.Errorf("of %d messages %d came in a response that holds at most %d", left, got, most)
			}
			left -= max(1, got)
		}
	}
}

func TestStreamsRefuseWhatTheServiceRefuses(t *testing.T) {
	app := start(t)
	first := func(edit func(*pubsubpb.StreamingPullRequest)) *pubsubpb.StreamingPullRequest {
		req := &pubsubpb.StreamingPullRequest{Subscription: subName, StreamAckDeadlineSeconds: 10}
		edit(req)
		return req
	}
	nothing := func(*pubsubpb.StreamingPullRequest) {}
	for name, test := range map[string]struct {
		requests []*pubsubpb.StreamingPullRequest
		code     codes.Code
		text     string
	}{
		"unknown subscription": {
			[]*pubsubpb.StreamingPullRequest{first(func(r *pubsubpb.StreamingPullRequest) { r.Subscription += "x" })},
			codes.NotFound, "billingx",
		},
		"no name": {
			[]*pubsubpb.StreamingPullRequest{first(func(r *pubsubpb.StreamingPullRequest) { r.Subscription = "" })},
			codes.InvalidArgument, "subscription",
		},
		"no deadline": {
			[]*pubsubpb.StreamingPullRequest{first(func(r *pubsubpb.StreamingPullRequest) { r.StreamAckDeadlineSeconds = 0 })},
			codes.InvalidArgument, "stream_ack_deadline_seconds",
		},
		"limit later": {
			[]*pubsubpb.StreamingPullRequest{first(nothing), {MaxOutstandingMessages: 5}},
			codes.InvalidArgument, "max_outstanding_messages",
		},
		"malformed ack id": {
			[]*pubsubpb.StreamingPullRequest{first(nothing), {AckIds: []string{"nonsense"}}},
			codes.InvalidArgument, "ack_ids",
		},
		"lengths differ": {
			[]*pubsubpb.StreamingPullRequest{first(nothing), {ModifyDeadlineAckIds: []string{"a"}}},
			codes.InvalidArgument, "modify_deadline_seconds",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := pubsubpb.NewSubscriberClient(dial(t, app)).StreamingPull(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, req := range test.requests {
				if err := s.Send(req); err != nil {
					t.Fatal(err)
				}
			}
			_, err = s.Recv()
			if status.Code(err) != test.code || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestUnaryCallsRefuseWhatTheServiceRefuses(t *testing.T) {
	app := start(t)
	subscriber := pubsubpb.NewSubscriberClient(dial(t, app))
	ctx := t.Context()
	for name, test := range map[string]struct {
		call func() error
		code codes.Code
		text string
	}{
		"pull of nothing": {func() error {
			_, err := subscriber.Pull(ctx, &pubsubpb.PullRequest{Subscription: subName})
			return err
		}, codes.InvalidArgument, "max_messages"},
		"ack of nothing": {func() error {
			_, err := subscriber.Acknowledge(ctx, &pubsubpb.AcknowledgeRequest{Subscription: subName})
			return err
		}, codes.InvalidArgument, "ack_ids"},
		"bogus ack id": {func() error {
			_, err := subscriber.Acknowledge(ctx, &pubsubpb.AcknowledgeRequest{Subscription: subName, AckIds: []string{"x"}})
			return err
		}, codes.InvalidArgument, "ack_ids"},
		"long deadline": {func() error {
			_, err := subscriber.ModifyAckDeadline(ctx, &pubsubpb.ModifyAckDeadlineRequest{
				Subscription: subName, AckIds: []string{"x"}, AckDeadlineSeconds: 601,
			})
			return err
		}, codes.InvalidArgument, "ack_deadline_seconds"},
		"seek to a snapshot": {func() error {
			_, err := subscriber.Seek(ctx, &pubsubpb.SeekRequest{
				Subscription: subName, Target: &pubsubpb.SeekRequest_Snapshot{Snapshot: "projects/demo/snapshots/s"},
			})
			return err
		}, codes.Unimplemented, "snapshot"},
		"seek to nowhere": {func() error {
			_, err := subscriber.Seek(ctx, &pubsubpb.SeekRequest{Subscription: subName})
			return err
		}, codes.InvalidArgument, "time"},
		"snapshot": {func() error {
			_, err := subscriber.CreateSnapshot(ctx, &pubsubpb.CreateSnapshotRequest{Name: "projects/demo/snapshots/s"})
			return err
		}, codes.Unimplemented, "CreateSnapshot"},
		"pull of a push subscription": {func() error {
			if _, err := subscriber.ModifyPushConfig(ctx, &pubsubpb.ModifyPushConfigRequest{
				Subscription: subName, PushConfig: &pubsubpb.PushConfig{PushEndpoint: "http://127.0.0.1:1/"},
			}); err != nil {
				return err
			}
			_, err := subscriber.Pull(ctx, &pubsubpb.PullRequest{Subscription: subName, MaxMessages: 1})
			return err
		}, codes.FailedPrecondition, "push"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.call(); status.Code(err) != test.code || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSeekReplaysOverTheWire(t *testing.T) {
	app := start(t)
	conn := dial(t, app)
	subscriber := pubsubpb.NewSubscriberClient(conn)
	expectOK(t, app, "PATCH", "/v1/"+subName, `{"subscription":{"retainAckedMessages":true},"updateMask":"retainAckedMessages"}`)
	before := time.Now().Add(-time.Second)
	publish(t, conn, 4)
	if _, err := subscriber.Acknowledge(t.Context(), &pubsubpb.AcknowledgeRequest{Subscription: subName, AckIds: pull(t, app, 10)}); err != nil {
		t.Fatal(err)
	}
	expectBacklog(t, app, "0")
	if _, err := subscriber.Seek(t.Context(), &pubsubpb.SeekRequest{
		Subscription: subName, Target: &pubsubpb.SeekRequest_Time{Time: timestamppb.New(before)},
	}); err != nil {
		t.Fatal(err)
	}
	if n := len(pull(t, app, 10)); n != 4 {
		t.Fatalf("%d of 4 replayed", n)
	}
}
