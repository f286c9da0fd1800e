package consume

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	vkit "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/backlog"
)

// The service's limits, https://cloud.google.com/pubsub/quotas#resource_limits.
const (
	maxAttributes     = 100
	maxAttributeValue = 1024 // bytes
)

const (
	// lookLimit bounds the look at the dead-letter topic at the start.
	lookLimit = 10 * time.Second
	// publishPermission is what publishing needs, https://cloud.google.com/pubsub/docs/access-control#required_permissions.
	publishPermission = "pubsub.topics.publish"
)

// topicLetters publishes dead letters to a topic.
type topicLetters struct {
	client       *vkit.TopicAdminClient
	topic        backlog.Topic
	subscription backlog.Subscription
	worker       string // the host's name
}

func newTopicLetters(ctx context.Context, topic backlog.Topic, subscription backlog.Subscription) (*topicLetters, error) {
	client, err := vkit.NewTopicAdminClient(ctx)
	if err != nil {
		return nil, fmt.Errorf("making the dead-letter client: %w", err)
	}
	worker, err := os.Hostname()
	if err != nil {
		worker = "unknown"
	}
	return &topicLetters{client: client, topic: topic, subscription: subscription, worker: worker}, nil
}

// Publish implements deadLetters: it returns nil when the service has confirmed the message.
func (t *topicLetters) Publish(ctx context.Context, m *backlog.Message, reason string) error {
	attributes := letterAttributes(m, t.subscription, t.worker, reason)
	letter := &pubsubpb.PubsubMessage{Data: m.Data, Attributes: attributes, OrderingKey: m.OrderingKey}
	request := &pubsubpb.PublishRequest{Topic: t.topic.String(), Messages: []*pubsubpb.PubsubMessage{letter}}
	if _, err := t.client.Publish(ctx, request); err != nil {
		return fmt.Errorf("publishing to the dead-letter topic: %w", err)
	}
	return nil
}

// check returns what is known to keep letters from being published, and its cure. What cannot be found out is no fault:
// roles/pubsub.publisher allows to publish and to test permissions, but not to get a topic, and an emulator may know neither.
func (t *topicLetters) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	_, err := t.client.GetTopic(ctx, &pubsubpb.GetTopicRequest{Topic: t.topic.String()})
	if status.Code(err) == codes.NotFound {
		return fmt.Errorf("%s does not exist: create it, or correct dead-letter-topic", t.topic)
	}
	got, err := t.client.TestIamPermissions(ctx, &iampb.TestIamPermissionsRequest{
		Resource: t.topic.String(), Permissions: []string{publishPermission},
	})
	if err == nil && !slices.Contains(got.GetPermissions(), publishPermission) {
		return fmt.Errorf("%s may not be published to by these credentials: grant roles/pubsub.publisher on it", t.topic)
	}
	return nil
}

// comeBack reports whether the subscription itself gets the letters, as far as these credentials may see that.
func (t *topicLetters) comeBack(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	for name, err := range t.client.ListTopicSubscriptions(ctx, &pubsubpb.ListTopicSubscriptionsRequest{Topic: t.topic.String()}).All() {
		if err != nil || name == t.subscription.String() {
			return err == nil
		}
	}
	return false
}

// letterAttributes are the message's own attributes and, as far as the service's limit leaves room, the letter's: a
// message that may not be published would come back for ever.
func letterAttributes(m *backlog.Message, subscription backlog.Subscription, worker, reason string) map[string]string {
	attributes := m.Attributes.Map()
	if attributes == nil {
		attributes = map[string]string{}
	}
	maps.DeleteFunc(attributes, func(key, _ string) bool { return backlog.Reserved(key) })
	for _, a := range [...]struct{ key, value string }{
		{backlog.LetterReason, clip(reason)},
		{backlog.LetterMessageID, m.ID},
		{backlog.LetterSubscription, subscription.String()},
		{backlog.LetterAttempt, strconv.Itoa(m.DeliveryAttempt)},
		{backlog.LetterPublishTime, m.PublishTime.UTC().Format(time.RFC3339Nano)},
		{backlog.LetterWorker, clip(worker)},
	} {
		if _, taken := attributes[a.key]; taken || len(attributes) < maxAttributes {
			attributes[a.key] = a.value
		}
	}
	return attributes
}

// clip shortens s to what an attribute's value may hold. A letter that is cut in two is left out: the value must be UTF-8.
func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxAttributeValue)], "") }

func (t *topicLetters) close() error { return t.client.Close() }
