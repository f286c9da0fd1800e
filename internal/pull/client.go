package pull

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"google.golang.org/api/option"
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

// NewClient makes a Pub/Sub client. It connects nothing, but an emulator that was asked for must answer, and without
// one there must be credentials; in a pod these are waited for.
func NewClient(ctx context.Context, project string, opts ...option.ClientOption) (*pubsub.Client, error) {
	if host := os.Getenv(EmulatorVariable); host != "" {
		if err := answers(ctx, host); err != nil {
			return nil, unreachable(host, err)
		}
	}
	inPod := os.Getenv("KUBERNETES_SERVICE_HOST") != ""
	for begin := time.Now(); ; sleep(ctx, time.Second) {
		client, err := pubsub.NewClient(ctx, project, opts...)
		switch {
		case err == nil:
			return client, nil
		case !noCredentials(err):
			return nil, fmt.Errorf("making the Pub/Sub client: %w", err)
		case !inPod || time.Since(begin) > credentialsWait || ctx.Err() != nil:
			return nil, ErrNoCredentials
		}
	}
}

// answers connects to host once it listens.
func answers(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, emulatorWait)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
		if err == nil {
			return conn.Close()
		}
		sleep(ctx, 100*time.Millisecond)
		if ctx.Err() != nil {
			return err
		}
	}
}

// noCredentials recognises the authentication library's error, which has no type of its own
// (cloud.google.com/go/auth/credentials and golang.org/x/oauth2/google both say it in these words).
func noCredentials(err error) bool {
	return strings.Contains(err.Error(), "could not find default credentials")
}
