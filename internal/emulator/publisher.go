package emulator

import (
	"context"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/wire"
)

// publisher is google.pubsub.v1.Publisher. Publish reads its request undecoded.
type publisher struct {
	pubsubpb.UnimplementedPublisherServer
	broker *broker.Broker
}

func registerPublisher(s *grpc.Server, p *publisher) {
	desc := pubsubpb.Publisher_ServiceDesc
	replaceMethod(&desc, "Publish", (*publisher).publish)
	s.RegisterService(&desc, p)
}

// publishIDSize is what one message id takes in a response, in bytes.
const publishIDSize = 22

func (p *publisher) publish(_ context.Context, in *frame) (any, error) {
	topic, messages, err := wire.ParsePublish(in.data.ReadOnlyData())
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "Invalid PublishRequest: %v.", err)
	}
	first, err := p.broker.Publish(topic, messages)
	if err != nil {
		return nil, err
	}
	n := len(messages)
	return newFrame(n*publishIDSize, func(b []byte) []byte { return wire.AppendPublishResponse(b, first, n) }), nil
}

func (p *publisher) CreateTopic(_ context.Context, req *pubsubpb.Topic) (*pubsubpb.Topic, error) {
	t, err := p.broker.CreateTopic(req)
	if err != nil {
		return nil, err
	}
	return t.Config(), nil
}

func (p *publisher) GetTopic(_ context.Context, req *pubsubpb.GetTopicRequest) (*pubsubpb.Topic, error) {
	t, err := p.broker.Topic(req.GetTopic())
	if err != nil {
		return nil, err
	}
	return t.Config(), nil
}

func (p *publisher) DeleteTopic(_ context.Context, req *pubsubpb.DeleteTopicRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, p.broker.DeleteTopic(req.GetTopic())
}

func (p *publisher) ListTopics(_ context.Context, req *pubsubpb.ListTopicsRequest) (*pubsubpb.ListTopicsResponse, error) {
	project, err := projectOf(req.GetProject())
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(p.broker.Topics(project), (*broker.Topic).Name, req)
	if err != nil {
		return nil, err
	}
	res := &pubsubpb.ListTopicsResponse{NextPageToken: next}
	for _, t := range page {
		res.Topics = append(res.Topics, t.Config())
	}
	return res, nil
}

func (p *publisher) ListTopicSubscriptions(
	_ context.Context, req *pubsubpb.ListTopicSubscriptionsRequest,
) (*pubsubpb.ListTopicSubscriptionsResponse, error) {
	t, err := p.broker.Topic(req.GetTopic())
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(t.Subscriptions(), (*broker.Subscription).Name, req)
	if err != nil {
		return nil, err
	}
	res := &pubsubpb.ListTopicSubscriptionsResponse{NextPageToken: next}
	for _, s := range page {
		res.Subscriptions = append(res.Subscriptions, s.Name())
	}
	return res, nil
}

func (p *publisher) DetachSubscription(
	_ context.Context, req *pubsubpb.DetachSubscriptionRequest,
) (*pubsubpb.DetachSubscriptionResponse, error) {
	return &pubsubpb.DetachSubscriptionResponse{}, p.broker.DetachSubscription(req.GetSubscription())
}

func unimplemented(what string) error {
	return status.Errorf(codes.Unimplemented, "%s is not implemented by this emulator.", what)
}
