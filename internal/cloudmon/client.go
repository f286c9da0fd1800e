package cloudmon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	monitoring "cloud.google.com/go/monitoring/apiv3/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"

	"spillway/internal/backlog"
)

// The limits of every connection.
const (
	// maxMessageBytes bounds one page: 10,000 points in as many series take about 5 MB.
	maxMessageBytes = 16 << 20
	// idleLimit closes a connection between two polls, so that a poll never waits for a path that has died since.
	idleLimit = 30 * time.Second
	// answerLimit is how long a local server is waited for at start.
	answerLimit = 4 * time.Second
)

// Options says where Cloud Monitoring is and who wants to know about the calls.
type Options struct {
	// Endpoint is the host:port of a local server, which is spoken to in plaintext and without authentication; or
	// https://host, which takes the place of Cloud Monitoring's own address. Empty means Cloud Monitoring itself. All but
	// the local server are spoken to with Application Default Credentials.
	Endpoint string
	// Universe is the domain of a sovereign cloud; empty means that of the credentials, googleapis.com for most.
	Universe string
	// Observe is told of every API call when it has ended. It may be nil and must be safe for concurrent use.
	Observe func(Call)
}

// Call is one API call that has ended: one page of one attempt.
type Call struct {
	Method   string
	Metric   backlog.Metric
	Project  string
	Code     codes.Code
	Duration time.Duration
}

// Client reads Cloud Monitoring. It is safe for concurrent use.
type Client struct {
	api     *monitoring.MetricClient
	observe func(Call)
	sizes   sizes
	retries retries
}

// Dial connects. A local server has to answer within a few seconds, else the error matches ErrUnreachable; without an
// endpoint there must be credentials, else it matches ErrNoCredentials. That Cloud Monitoring itself answers is not
// checked: it may be down now and be back later.
func Dial(ctx context.Context, o Options) (*Client, error) {
	options, err := connection(ctx, o)
	if err != nil {
		return nil, err
	}
	api, err := monitoring.NewMetricClient(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to cloud monitoring: %w", err)
	}
	if o.Observe == nil {
		o.Observe = func(Call) {}
	}
	return &Client{api: api, observe: o.Observe}, nil
}

// Close ends the connection.
func (c *Client) Close() error {
	if err := c.api.Close(); err != nil {
		return fmt.Errorf("closing the connection to cloud monitoring: %w", err)
	}
	return nil
}

func connection(ctx context.Context, o Options) ([]option.ClientOption, error) {
	host, remote := strings.CutPrefix(o.Endpoint, "https://")
	if o.Endpoint != "" && !remote {
		conn, err := local(ctx, o.Endpoint)
		return []option.ClientOption{option.WithGRPCConn(conn)}, err
	}
	creds, err := findCredentials(ctx)
	if err != nil {
		return nil, err
	}
	options := []option.ClientOption{option.WithAuthCredentials(creds)}
	if remote {
		options = append(options, option.WithEndpoint(host))
	}
	if o.Universe != "" {
		options = append(options, option.WithUniverseDomain(o.Universe))
	}
	for _, d := range dialOptions() {
		options = append(options, option.WithGRPCDialOption(d))
	}
	return options, nil
}

// dialOptions are those of every connection. gRPC's own pause between reconnects grows to two minutes; here the poll
// sets the pace, so a server that is back is found by the next one.
func dialOptions() []grpc.DialOption {
	pause := backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second}
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: pause, MinConnectTimeout: 5 * time.Second}),
		grpc.WithIdleTimeout(idleLimit),
	}
}

// local connects to a server without TLS and waits until it has answered.
func local(ctx context.Context, endpoint string) (*grpc.ClientConn, error) {
	options := append(dialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	conn, err := grpc.NewClient(endpoint, options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", endpoint, err)
	}
	bounded, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if !conn.WaitForStateChange(bounded, state) {
			err := fmt.Errorf("%w at %s within %s", ErrUnreachable, endpoint, answerLimit)
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}
