package redrive

import (
	"strconv"
	"strings"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/internal/backlog"
)

// maxAttributes is the service's limit, https://cloud.google.com/pubsub/quotas#resource_limits.
const maxAttributes = 100

// original returns the message as it was before it became a dead letter, with a count of how often it was moved back: its
// payload, ordering key and attributes without those that a worker or the service added on the way.
func original(m *backlog.Message) *pubsubpb.PubsubMessage {
	attributes := map[string]string{}
	for _, a := range m.Attributes {
		if !added(a.Key) {
			attributes[a.Key] = a.Value
		}
	}
	before, _ := strconv.ParseUint(attributes[backlog.RedriveCount], 10, 31) // Nothing and nonsense count as 0.
	if _, there := attributes[backlog.RedriveCount]; there || len(attributes) < maxAttributes {
		attributes[backlog.RedriveCount] = strconv.FormatUint(before+1, 10)
	}
	return &pubsubpb.PubsubMessage{Data: m.Data, Attributes: attributes, OrderingKey: m.OrderingKey}
}

// added says whether an attribute is of the letter and not of the message.
func added(key string) bool {
	return strings.HasPrefix(key, backlog.LetterPrefix) || strings.HasPrefix(key, "CloudPubSubDeadLetter") || backlog.Reserved(key)
}

// origin says where a letter came from and why, for the table of a dry run.
func origin(m *backlog.Message) (subscription, reason string) {
	if s, ok := m.Attributes.Get(backlog.LetterSubscription); ok {
		reason, _ = m.Attributes.Get(backlog.LetterReason)
		return s, reason
	}
	if s, ok := m.Attributes.Get("CloudPubSubDeadLetterSourceSubscription"); ok {
		if project, ok := m.Attributes.Get("CloudPubSubDeadLetterSourceSubscriptionProject"); ok {
			s = backlog.Subscription{Project: project, ID: s}.String()
		}
		return s, "too many delivery attempts"
	}
	return "unknown", "unknown"
}
