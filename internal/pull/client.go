package pull

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	vkit "cloud.google.com/go/pubsub/v2/apiv1"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
)

// ErrNoCredentials is matched by the error of a client that found no Google credentials.
var ErrNoCredentials = errors.New("no Google credentials were found; run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, " +
	"bind the pod's service account by Workload Identity, or set " + EmulatorVariable + " for an emulator")

const (
	// credentialsWait is how long a pod waits for its first credentials: GKE's metadata server is not there in a
	// pod's first seconds.
	credentialsWait = 30 * time.Second
	// emulatorWait is how long an emulator that was asked for may take to answer.
	emulatorWait = 3 * time.Second
)

// client is a generated client with the calls that run on it, so that it can be replaced while they end.
type client struct {
	*vkit.SubscriptionAdminClient
	calls sync.WaitGroup
}

// dial makes a client. It connects nothing, but without an emulator there must be credentials; in a pod these are
// waited for.
func dial(ctx context.Context, dialOptions []grpc.DialOption) (*client, error) {
	opts := make([]option.ClientOption, 0, len(dialOptions))
	for _, o := range dialOptions {
		opts = append(opts, option.WithGRPCDialOption(o))
	}
	inPod := os.Getenv("KUBERNETES_SERVICE_HOST") != ""
	for begin := time.Now(); ; sleep(ctx, time.Second) {
		c, err := vkit.NewSubscriptionAdminClient(ctx, opts...)
		switch {
		case err == nil:
			// The generated retries hide outcomes and have budgets of their own; the settler and the stream's loop retry.
			c.CallOptions = &vkit.SubscriptionAdminCallOptions{}
			return &client{SubscriptionAdminClient: c}, nil
		case !noCredentials(err):
			return nil, fmt.Errorf("making the Pub/Sub client: %w", err)
		case !inPod || time.Since(begin) > credentialsWait || ctx.Err() != nil:
			return nil, ErrNoCredentials
		}
	}
}

// retire closes the client when its last call has ended.
func (c *client) retire() error {
	c.calls.Wait()
	return c.Close()
}

// CheckEmulator returns an error when the environment asks for an emulator and none answers there.
func CheckEmulator(ctx context.Context) error {
	host := os.Getenv(EmulatorVariable)
	if host == "" {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, emulatorWait)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(bounded, "tcp", host)
		if err == nil {
			return conn.Close()
		}
		sleep(bounded, 100*time.Millisecond)
		if bounded.Err() != nil {
			return unreachable(host, err)
		}
	}
}

// noCredentials recognises the authentication library's error, which has no type of its own
// (cloud.google.com/go/auth/credentials and golang.org/x/oauth2/google both say it in these words).
func noCredentials(err error) bool {
	return strings.Contains(err.Error(), "could not find default credentials")
}

// sleep waits for d or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
