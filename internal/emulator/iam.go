package emulator

import (
	"context"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"

	"spillway/internal/emulator/broker"
)

// iam is google.iam.v1.IAMPolicy: everybody may do everything to what exists. Policies are not kept.
type iam struct {
	iampb.UnimplementedIAMPolicyServer
	broker *broker.Broker
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
	return &iampb.TestIamPermissionsResponse{Permissions: req.GetPermissions()}, nil
}
