package emulator

import (
	"context"
	"slices"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/fault"
)

// iam is google.iam.v1.IAMPolicy: everybody may do everything to what exists, except what a fault denies. Policies are not
// kept.
type iam struct {
	iampb.UnimplementedIAMPolicyServer
	broker *broker.Broker
	faults *fault.Set
}

func (i *iam) TestIamPermissions(
	_ context.Context, req *iampb.TestIamPermissionsRequest,
) (res *iampb.TestIamPermissionsResponse, err error) {
	if strings.Contains(req.GetResource(), "/topics/") {
		_, err = i.broker.Topic(req.GetResource())
	} else {
		_, err = i.broker.Subscription(req.GetResource())
	}
	if err != nil {
		return nil, err
	}
	granted := slices.DeleteFunc(slices.Clone(req.GetPermissions()), func(permission string) bool {
		return i.denied(permission, req.GetResource())
	})
	return &iampb.TestIamPermissionsResponse{Permissions: granted}, nil
}

// denied says whether a fault denies one of the methods that need the permission.
func (i *iam) denied(permission, resource string) bool {
	return slices.ContainsFunc(methodsThatNeed(permission), func(method string) bool {
		_, hit := i.faults.Hit(fault.Denied, method, resource)
		return hit
	})
}

// methodsThatNeed lists methods by permission, https://cloud.google.com/pubsub/docs/access-control#required_permissions.
func methodsThatNeed(permission string) []string {
	switch permission {
	case "pubsub.subscriptions.consume":
		return []string{streamingPull, "Pull", "Acknowledge", "ModifyAckDeadline"}
	case "pubsub.subscriptions.get":
		return []string{"GetSubscription"}
	case "pubsub.subscriptions.update":
		return []string{"UpdateSubscription", "ModifyPushConfig"}
	case "pubsub.subscriptions.delete":
		return []string{"DeleteSubscription"}
	case "pubsub.topics.publish":
		return []string{"Publish"}
	case "pubsub.topics.get":
		return []string{"GetTopic"}
	case "pubsub.topics.update":
		return []string{"UpdateTopic"}
	case "pubsub.topics.delete":
		return []string{"DeleteTopic"}
	}
	return nil
}
