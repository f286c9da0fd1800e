// Package roster knows which subscriptions a project has, by Pub/Sub's admin API. What is on the list and has no samples is
// idle or in a gap; what is not on it was deleted, or its name is wrong.
package roster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	pubsub "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"spillway/internal/adc"
	"spillway/internal/backlog"
)

const (
	// scope is the narrowest that Pub/Sub has; what may be done is for roles to say.
	scope = "https://www.googleapis.com/auth/pubsub"
	// pageSize is the service's greatest page, and maxPages ends a list that does not end by itself: Pub/Sub allows 10,000
	// subscriptions in a project unless more were asked for.
	pageSize = 1000
	maxPages = 200
	// maxMessageBytes bounds one page.
	maxMessageBytes = 16 << 20
	// maxMessage bounds what is repeated of a server's own words, in bytes.
	maxMessage = 300
)

// Options says where Pub/Sub is and who wants to know about the calls.
type Options struct {
	// Endpoint is the host:port of a local server, which is spoken to in plaintext and without authentication; or
	// https://host, which takes the place of Pub/Sub's own address. Empty means Pub/Sub itself.
	Endpoint string
	// Universe is the domain of a sovereign cloud; empty means that of the credentials.
	Universe string
	// Observe is told of every call when it has ended. It may be nil and must be safe for concurrent use.
	Observe func(method, project string, code codes.Code, took time.Duration)
}

// Client lists subscriptions. It is safe for concurrent use.
type Client struct {
	api     *pubsub.SubscriptionAdminClient
	observe func(method, project string, code codes.Code, took time.Duration)
}

// Dial makes a client; nothing is asked yet. Without a local server there must be credentials, else the error matches
// adc.ErrMissing.
func Dial(ctx context.Context, o Options) (*Client, error) {
	options, err := connection(ctx, o)
	if err != nil {
		return nil, err
	}
	api, err := pubsub.NewSubscriptionAdminClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to pub/sub: %w", err)
	}
	api.CallOptions.ListSubscriptions = nil // a list that fails is asked for again some polls later
	if o.Observe == nil {
		o.Observe = func(string, string, codes.Code, time.Duration) {}
	}
	return &Client{api: api, observe: o.Observe}, nil
}

func connection(ctx context.Context, o Options) ([]option.ClientOption, error) {
	limit := grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes))
	host, remote := strings.CutPrefix(o.Endpoint, "https://")
	if o.Endpoint != "" && !remote {
		conn, err := grpc.NewClient(o.Endpoint, limit, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
		if err != nil {
			return nil, fmt.Errorf("connecting to %s: %w", o.Endpoint, err)
		}
		return []option.ClientOption{option.WithGRPCConn(conn)}, nil
	}
	creds, err := adc.Find(ctx, scope)
	if err != nil {
		return nil, err
	}
	options := []option.ClientOption{option.WithAuthCredentials(creds), option.WithGRPCDialOption(limit)}
	if remote {
		options = append(options, option.WithEndpoint(host))
	}
	if o.Universe != "" {
		options = append(options, option.WithUniverseDomain(o.Universe))
	}
	return options, nil
}

// Close ends the connection.
func (c *Client) Close() error {
	if err := c.api.Close(); err != nil {
		return fmt.Errorf("closing the connection to pub/sub: %w", err)
	}
	return nil
}

// List returns the short IDs of a project's subscriptions, in no order. The error is one line with its cure.
func (c *Client) List(ctx context.Context, project string) ([]string, error) {
	pages := c.api.ListSubscriptions(ctx, &pubsubpb.ListSubscriptionsRequest{Project: "projects/" + project, PageSize: pageSize})
	var ids []string
	for range maxPages {
		begin := time.Now()
		sub, err := pages.Next() // asks for the next page: none of the last is left
		c.observe("ListSubscriptions", project, code(err), time.Since(begin))
		for err == nil {
			if id, ok := shortID(sub.GetName(), project); ok {
				ids = append(ids, id)
			}
			if pages.PageInfo().Remaining() == 0 {
				break
			}
			sub, err = pages.Next()
		}
		if errors.Is(err, iterator.Done) || (err == nil && pages.PageInfo().Token == "") {
			return ids, nil
		}
		if err != nil {
			return nil, explain(project, err)
		}
	}
	return nil, fmt.Errorf("listing subscriptions of project %s: the list does not end", project)
}

// shortID returns the ID of a subscription of the project; what is no such thing is left out.
func shortID(name, project string) (string, bool) {
	sub, err := backlog.ParseSubscription(name, "")
	return sub.ID, err == nil && sub.Project == project
}

func code(err error) codes.Code {
	if errors.Is(err, iterator.Done) {
		return codes.OK
	}
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	}
	return s.Code()
}

func explain(project string, err error) error {
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	}
	message := strings.Join(strings.Fields(s.Message()), " ")
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "..."
	}
	if s.Code() == codes.PermissionDenied {
		message += "; grant roles/pubsub.viewer on the project to the account that this runs as"
	}
	return fmt.Errorf("listing subscriptions of project %s: %s: %s", project, s.Code(), message)
}
