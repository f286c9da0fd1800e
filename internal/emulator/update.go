package emulator

import (
	"context"
	"slices"
	"strings"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

func (p *publisher) UpdateTopic(_ context.Context, req *pubsubpb.UpdateTopicRequest) (*pubsubpb.Topic, error) {
	fixed := []string{"name", "state", "tags", "satisfies_pzs"}
	t, err := p.broker.UpdateTopic(req.GetTopic().GetName(), func(c *pubsubpb.Topic) error {
		return applyMask(c, req.GetTopic(), req.GetUpdateMask(), fixed)
	})
	if err != nil {
		return nil, err
	}
	return t.Config(), nil
}

func (s *subscriber) UpdateSubscription(
	_ context.Context, req *pubsubpb.UpdateSubscriptionRequest,
) (*pubsubpb.Subscription, error) {
	fixed := []string{
		"name", "topic", "filter", "enable_message_ordering", "detached", "state", "tags", "topic_message_retention_duration",
	}
	sub, err := s.broker.UpdateSubscription(req.GetSubscription().GetName(), func(c *pubsubpb.Subscription) error {
		return applyMask(c, req.GetSubscription(), req.GetUpdateMask(), fixed)
	})
	if err != nil {
		return nil, err
	}
	return sub.Config(), nil
}

func (s *subscriber) ModifyPushConfig(_ context.Context, req *pubsubpb.ModifyPushConfigRequest) (*emptypb.Empty, error) {
	_, err := s.broker.UpdateSubscription(req.GetSubscription(), func(c *pubsubpb.Subscription) error {
		c.PushConfig = req.GetPushConfig()
		return nil
	})
	return &emptypb.Empty{}, err
}

// applyMask copies the fields that mask names from src to dst, which are of the same type. Fixed fields are refused.
func applyMask(dst, src proto.Message, mask *fieldmaskpb.FieldMask, fixed []string) error {
	if len(mask.GetPaths()) == 0 {
		return status.Error(codes.InvalidArgument, "The update_mask must be set, and must contain a non-empty paths list.")
	}
	for _, path := range mask.GetPaths() {
		if slices.Contains(fixed, path) {
			return status.Errorf(codes.InvalidArgument, "Invalid update_mask: field %s cannot be changed.", path)
		}
		if !copyPath(dst.ProtoReflect(), src.ProtoReflect(), strings.Split(path, ".")) {
			return status.Errorf(codes.InvalidArgument, "Invalid update_mask: there is no field %.100q.", path)
		}
	}
	return nil
}

// copyPath copies one field, which lies within messages as the path says; false means that there is no such field.
func copyPath(dst, src protoreflect.Message, path []string) bool {
	field := dst.Descriptor().Fields().ByName(protoreflect.Name(path[0]))
	if field == nil {
		return false
	}
	if len(path) > 1 {
		if field.Message() == nil || field.IsList() || field.IsMap() {
			return false
		}
		return copyPath(dst.Mutable(field).Message(), src.Get(field).Message(), path[1:])
	}
	if !src.Has(field) {
		dst.Clear(field)
		return true
	}
	dst.Set(field, src.Get(field))
	return true
}
