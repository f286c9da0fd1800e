package broker

import (
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/internal/emulator/filter"
)

// policy is what a subscription's configuration means for delivery.
type policy struct {
	ackDeadline time.Duration
	retention   time.Duration // of unacknowledged messages: the longer of the subscription's and the topic's
	keep        time.Duration // of acknowledged messages; 0: dropped at once
	ordered     bool
	exactlyOnce bool
	retry       bool
	minBackoff  time.Duration
	maxBackoff  time.Duration
	deadLetter  string // topic; empty: none
	maxAttempts uint32
	matches     filter.Filter // nil: everything
}

// newPolicy derives the policy of a configuration that has been validated and completed.
func newPolicy(c *pubsubpb.Subscription, topicRetention time.Duration, f filter.Filter) policy {
	p := policy{
		ackDeadline: time.Duration(c.GetAckDeadlineSeconds()) * time.Second,
		retention:   max(c.GetMessageRetentionDuration().AsDuration(), topicRetention),
		keep:        topicRetention,
		ordered:     c.GetEnableMessageOrdering(),
		exactlyOnce: c.GetEnableExactlyOnceDelivery(),
		matches:     f,
	}
	if c.GetRetainAckedMessages() {
		p.keep = max(p.keep, p.retention)
	}
	if r := c.GetRetryPolicy(); r != nil {
		p.retry = true
		p.minBackoff = r.GetMinimumBackoff().AsDuration()
		p.maxBackoff = r.GetMaximumBackoff().AsDuration()
	}
	if d := c.GetDeadLetterPolicy(); d != nil {
		p.deadLetter = d.GetDeadLetterTopic()
		p.maxAttempts = uint32(d.GetMaxDeliveryAttempts()) //nolint:gosec // validated to be 5 to 100
	}
	return p
}
