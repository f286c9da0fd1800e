// Package cloud asks Pub/Sub about single subscriptions: what they are, and what the asker may do with them.
package cloud

import (
	"context"
	"fmt"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"
	pubsub "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"spillway/internal/adc"
	"spillway/internal/backlog"
)

// scope is the narrowest that Pub/Sub has; nothing is ever changed.
const scope = "https://www.googleapis.com/auth/pubsub"

// Options says where Pub/Sub is.
type Options struct {
	// Endpoint is the host:port of a local server, spoken to in plaintext and without authentication; or https://host in
	// place of Pub/Sub's own address. Empty means Pub/Sub itself.
	Endpoint string
	// Universe is the domain of a sovereign cloud; empty means that of the credentials.
	Universe string
}

// Subscription is what Pub/Sub says of one.
type Subscription struct {
	// Topic is its topic's full name; "_deleted-topic_" when that is gone.
	Topic string
	// Detached ones get no messages any more.
	Detached bool
	// Broken reports that Pub/Sub cannot deliver, because what it delivers to refuses.
	Broken bool
	// Export is set where Pub/Sub itself writes the messages somewhere, and Push where it posts them.
	Export, Push bool
}

// Client asks Pub/Sub. It is safe for concurrent use.
type Client struct {
	api     *pubsub.SubscriptionAdminClient
	project string
}

// Dial makes a client; Pub/Sub is not asked yet. Without a local server there must be credentials, else the error matches
// adc.ErrMissing.
func Dial(ctx context.Context, o Options) (*Client, error) {
	options, project, err := connection(ctx, o)
	if err != nil {
		return nil, err
	}
	api, err := pubsub.NewSubscriptionAdminClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to pub/sub: %w", err)
	}
	api.CallOptions.GetSubscription, api.CallOptions.TestIamPermissions = nil, nil // whoever asks sees the first answer
	return &Client{api: api, project: project}, nil
}

func connection(ctx context.Context, o Options) (options []option.ClientOption, project string, err error) {
	host, remote := strings.CutPrefix(o.Endpoint, "https://")
	if o.Endpoint != "" && !remote {
		conn, err := grpc.NewClient(o.Endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
		if err != nil {
			return nil, "", fmt.Errorf("connecting to %s: %w", o.Endpoint, err)
		}
		return []option.ClientOption{option.WithGRPCConn(conn)}, "", nil
	}
	creds, err := adc.Find(ctx, scope)
	if err != nil {
		return nil, "", err
	}
	options = []option.ClientOption{option.WithAuthCredentials(creds)}
	if remote {
		options = append(options, option.WithEndpoint(host))
	}
	if o.Universe != "" {
		options = append(options, option.WithUniverseDomain(o.Universe))
	}
	if project, err = creds.ProjectID(ctx); err != nil {
		project = "" // it only helps to guess which project was meant
	}
	return options, project, nil
}

// Project is the one that the credentials belong to; empty when they do not say.
func (c *Client) Project() string { return c.project }

// Describe returns what the subscription is. The error has the gRPC status of the call.
func (c *Client) Describe(ctx context.Context, sub backlog.Subscription) (Subscription, error) {
	got, err := c.api.GetSubscription(ctx, &pubsubpb.GetSubscriptionRequest{Subscription: sub.String()})
	if err != nil {
		return Subscription{}, fmt.Errorf("getting the subscription: %w", err)
	}
	return Subscription{
		Topic: got.GetTopic(), Detached: got.GetDetached(), Broken: got.GetState() == pubsubpb.Subscription_RESOURCE_ERROR,
		Export: got.GetBigqueryConfig() != nil || got.GetCloudStorageConfig() != nil,
		Push:   got.GetPushConfig().GetPushEndpoint() != "",
	}, nil
}

// Granted returns which of the permissions on the subscription the asker has. The error has the gRPC status of the call.
func (c *Client) Granted(ctx context.Context, sub backlog.Subscription, permissions []string) ([]string, error) {
	got, err := c.api.TestIamPermissions(ctx, &iampb.TestIamPermissionsRequest{Resource: sub.String(), Permissions: permissions})
	if err != nil {
		return nil, fmt.Errorf("testing permissions: %w", err)
	}
	return got.GetPermissions(), nil
}

// Close ends the connection.
func (c *Client) Close() error {
	if err := c.api.Close(); err != nil {
		return fmt.Errorf("closing the connection to pub/sub: %w", err)
	}
	return nil
}
