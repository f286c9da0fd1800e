package consume

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	"cloud.google.com/go/pubsub/v2"

	"spillway/internal/backlog"
)

// The attributes that a dead letter carries beside the original ones.
const (
	letterReason       = "SpillwayDeadLetterReason"
	letterSubscription = "SpillwayDeadLetterSubscription"
	letterMessageID    = "SpillwayDeadLetterMessageId"
	letterAttempt      = "SpillwayDeadLetterDeliveryAttempt"
)

// topicLetters publishes dead letters to a topic.
type topicLetters struct {
	client       *pubsub.Client
	publisher    *pubsub.Publisher
	subscription backlog.Subscription
}

func newTopicLetters(ctx context.Context, topic backlog.Topic, subscription backlog.Subscription) (*topicLetters, error) {
	client, err := pubsub.NewClient(ctx, topic.Project)
	if err != nil {
		return nil, fmt.Errorf("making the dead-letter client: %w", err)
	}
	publisher := client.Publisher(topic.String())
	publisher.EnableMessageOrdering = true
	return &topicLetters{client: client, publisher: publisher, subscription: subscription}, nil
}

// Publish implements deadLetters: it returns nil when the service has confirmed the message.
func (t *topicLetters) Publish(ctx context.Context, m *backlog.Message, reason string) error {
	attributes := maps.Clone(m.Attributes)
	if attributes == nil {
		attributes = map[string]string{}
	}
	attributes[letterReason] = clip(reason, 1024)
	attributes[letterSubscription] = t.subscription.String()
	attributes[letterMessageID] = m.ID
	attributes[letterAttempt] = strconv.Itoa(m.DeliveryAttempt)
	result := t.publisher.Publish(ctx, &pubsub.Message{Data: m.Data, Attributes: attributes, OrderingKey: m.OrderingKey})
	if _, err := result.Get(ctx); err != nil {
		t.publisher.ResumePublish(m.OrderingKey)
		return fmt.Errorf("publishing to the dead-letter topic: %w", err)
	}
	return nil
}

// clip shortens s to n bytes, Pub/Sub's limit for an attribute's value.
func clip(s string, n int) string { return s[:min(len(s), n)] }

func (t *topicLetters) close() error {
	t.publisher.Stop()
	return t.client.Close()
}
