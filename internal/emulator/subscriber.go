package emulator

import (
	"context"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/fault"
)

// subscriber is google.pubsub.v1.Subscriber.
type subscriber struct {
	pubsubpb.UnimplementedSubscriberServer
	broker *broker.Broker
	faults *fault.Set
	// responseMessages is how many messages one StreamingPull response holds at most.
	responseMessages int
	// readers are the goroutines that read StreamingPull requests; they end right after their calls.
	readers sync.WaitGroup
}

func registerSubscriber(s *grpc.Server, sub *subscriber) {
	desc := pubsubpb.Subscriber_ServiceDesc
	replaceMethod(&desc, "Pull", (*subscriber).pull)
	desc.Streams = []grpc.StreamDesc{{
		StreamName: "StreamingPull", ServerStreams: true, ClientStreams: true,
		Handler: func(srv any, stream grpc.ServerStream) error { return srv.(*subscriber).streamingPull(stream) },
	}}
	s.RegisterService(&desc, sub)
}

func (s *subscriber) CreateSubscription(_ context.Context, req *pubsubpb.Subscription) (*pubsubpb.Subscription, error) {
	sub, err := s.broker.CreateSubscription(req)
	if err != nil {
		return nil, err
	}
	return sub.Config(), nil
}

func (s *subscriber) GetSubscription(_ context.Context, req *pubsubpb.GetSubscriptionRequest) (*pubsubpb.Subscription, error) {
	sub, err := s.broker.Subscription(req.GetSubscription())
	if err != nil {
		return nil, err
	}
	return sub.Config(), nil
}

func (s *subscriber) DeleteSubscription(_ context.Context, req *pubsubpb.DeleteSubscriptionRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, s.broker.DeleteSubscription(req.GetSubscription())
}

func (s *subscriber) ListSubscriptions(
	_ context.Context, req *pubsubpb.ListSubscriptionsRequest,
) (*pubsubpb.ListSubscriptionsResponse, error) {
	project, err := projectOf(req.GetProject())
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(s.broker.Subscriptions(project), (*broker.Subscription).Name, req)
	if err != nil {
		return nil, err
	}
	res := &pubsubpb.ListSubscriptionsResponse{NextPageToken: next}
	for _, sub := range page {
		res.Subscriptions = append(res.Subscriptions, sub.Config())
	}
	return res, nil
}

func (s *subscriber) Acknowledge(_ context.Context, req *pubsubpb.AcknowledgeRequest) (*emptypb.Empty, error) {
	sub, err := s.broker.Subscription(req.GetSubscription())
	if err != nil {
		return nil, err
	}
	ids, err := parseAckIDs("ack_ids", req.GetAckIds())
	if err != nil {
		return nil, err
	}
	ids, texts, refused := s.refuse("Acknowledge", sub, ids, req.GetAckIds())
	failed, err := sub.Acknowledge(ids)
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, staleError(sub, texts, failed, refused)
}

func (s *subscriber) ModifyAckDeadline(_ context.Context, req *pubsubpb.ModifyAckDeadlineRequest) (*emptypb.Empty, error) {
	sub, err := s.broker.Subscription(req.GetSubscription())
	if err != nil {
		return nil, err
	}
	if err := checkDeadline("ack_deadline_seconds", req.GetAckDeadlineSeconds()); err != nil {
		return nil, err
	}
	ids, err := parseAckIDs("ack_ids", req.GetAckIds())
	if err != nil {
		return nil, err
	}
	ids, texts, refused := s.refuse("ModifyAckDeadline", sub, ids, req.GetAckIds())
	changes := make([]broker.Change, len(ids))
	for i, id := range ids {
		changes[i] = broker.Change{ID: id, Deadline: time.Duration(req.GetAckDeadlineSeconds()) * time.Second}
	}
	failed, err := sub.ModifyAckDeadline(changes)
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, staleError(sub, texts, failed, refused)
}

func (s *subscriber) Seek(_ context.Context, req *pubsubpb.SeekRequest) (*pubsubpb.SeekResponse, error) {
	sub, err := s.broker.Subscription(req.GetSubscription())
	if err != nil {
		return nil, err
	}
	target, ok := req.GetTarget().(*pubsubpb.SeekRequest_Time)
	if !ok {
		if req.GetSnapshot() != "" {
			return nil, unimplemented("Seek to a snapshot")
		}
		return nil, status.Error(codes.InvalidArgument, "The seek request has no target: field time is missing.")
	}
	if err := target.Time.CheckValid(); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "Invalid time: %v.", err)
	}
	return &pubsubpb.SeekResponse{}, sub.Seek(target.Time.AsTime())
}

// refuse takes out the ids of an exactly-once subscription that a transient fault hits, and returns their texts.
func (s *subscriber) refuse(
	method string, sub *broker.Subscription, ids []broker.AckID, texts []string,
) (kept []broker.AckID, keptTexts, refused []string) {
	if s.faults.None() || !sub.ExactlyOnce() {
		return ids, texts, nil
	}
	for i, text := range texts {
		if _, hit := s.faults.Hit(fault.Transient, method, sub.Name()); hit {
			refused = append(refused, text)
			continue
		}
		kept, keptTexts = append(kept, ids[i]), append(keptTexts, text)
	}
	return kept, keptTexts, refused
}

func parseAckIDs(field string, texts []string) ([]broker.AckID, error) {
	if len(texts) == 0 {
		return nil, status.Errorf(codes.InvalidArgument, "The request has no acknowledgement ids: field %s is empty.", field)
	}
	ids := make([]broker.AckID, len(texts))
	for i, text := range texts {
		id, ok := broker.ParseAckID(text)
		if !ok {
			return nil, status.Errorf(codes.InvalidArgument,
				"Some acknowledgement ids in the request were invalid: field %s holds a malformed one.", field)
		}
		ids[i] = id
	}
	return ids, nil
}

func checkDeadline(field string, seconds int32) error {
	if seconds < 0 || seconds > 600 {
		return status.Errorf(codes.InvalidArgument, "Invalid %s: %d. It must be from 0 to 600.", field, seconds)
	}
	return nil
}
