package load

import (
	"context"
	"errors"
	"fmt"
	"strings"

	pubsub "cloud.google.com/go/pubsub/v2/apiv1"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"spillway/internal/adc"
	"spillway/internal/backlog"
)

// scope is what publishing needs.
const scope = "https://www.googleapis.com/auth/pubsub"

// EmulatorVariable is the environment variable that leads every Pub/Sub client to an emulator instead of the service.
const EmulatorVariable = "PUBSUB_EMULATOR_HOST"

// Dial returns a client for the emulator at host:port, or for Pub/Sub with Application Default Credentials when emulator
// is empty. It does not wait for a connection. The client's own retries are off, because they know no budget.
func Dial(ctx context.Context, emulator string) (*pubsub.TopicAdminClient, error) {
	var opts []option.ClientOption
	if emulator != "" {
		conn, err := grpc.NewClient(emulator, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w; give host:port", EmulatorVariable, emulator, err)
		}
		opts = append(opts, option.WithGRPCConn(conn))
	} else {
		creds, err := adc.Find(ctx, scope)
		if err != nil {
			return nil, fmt.Errorf("%w; run `gcloud auth application-default login` or set GOOGLE_APPLICATION_CREDENTIALS, "+
				"or for a local run start `spillway emulator` and set %s", err, EmulatorVariable)
		}
		opts = append(opts, option.WithAuthCredentials(creds))
	}
	client, err := pubsub.NewTopicAdminClient(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to Pub/Sub: %w", oneLine(err))
	}
	client.CallOptions.Publish = nil
	return client, nil
}

// Explain turns an error of Publish into one line with its cure.
func Explain(err error, topic backlog.Topic, emulator string) error {
	cause := oneLine(err)
	switch status.Code(err) {
	case codes.NotFound:
		return fmt.Errorf("%s does not exist; %s", topic, createTopic(topic, emulator))
	case codes.PermissionDenied:
		return fmt.Errorf("%s may not be published to by these credentials; grant roles/pubsub.publisher on it: %w", topic, cause)
	case codes.Unauthenticated:
		return fmt.Errorf("%s: the credentials were refused; renew them with `gcloud auth application-default login`: %w", topic, cause)
	case codes.Unavailable, codes.DeadlineExceeded:
		if emulator != "" {
			return fmt.Errorf("%s %q: nothing answers there; start an emulator with `spillway emulator`: %w", EmulatorVariable, emulator, cause)
		}
		return fmt.Errorf("pub/sub does not answer; check the network and try again: %w", cause)
	default:
		return fmt.Errorf("publishing to %s: %w", topic, cause)
	}
}

func createTopic(topic backlog.Topic, emulator string) string {
	if emulator != "" {
		return fmt.Sprintf("create it, for example with `spillway emulator --project %s --create %s`", topic.Project, topic.ID)
	}
	return fmt.Sprintf("create it with `gcloud pubsub topics create %s --project %s`, or correct its name or project", topic.ID, topic.Project)
}

// oneLine keeps an error of gRPC or of a transport from filling several lines of a terminal.
func oneLine(err error) error {
	if s, ok := status.FromError(err); ok {
		return fmt.Errorf("%s: %s", s.Code(), strings.Join(strings.Fields(s.Message()), " "))
	}
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}
