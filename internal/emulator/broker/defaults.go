package broker

import (
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// complete fills in what the service fills in when a subscription is made.
func complete(c *pubsubpb.Subscription, t *Topic) {
	defaults(c)
	c.Detached = false
	c.State = pubsubpb.Subscription_ACTIVE
	c.TopicMessageRetentionDuration = t.Config().GetMessageRetentionDuration()
}

func defaults(c *pubsubpb.Subscription) {
	if c.GetAckDeadlineSeconds() == 0 {
		c.AckDeadlineSeconds = defaultDeadline
	}
	if c.GetMessageRetentionDuration() == nil {
		c.MessageRetentionDuration = durationpb.New(defaultRetention)
	}
	if c.GetExpirationPolicy() == nil {
		c.ExpirationPolicy = &pubsubpb.ExpirationPolicy{Ttl: durationpb.New(maxRetention)}
	}
	if c.GetPushConfig() == nil {
		c.PushConfig = &pubsubpb.PushConfig{}
	}
	if d := c.GetDeadLetterPolicy(); d != nil && d.GetMaxDeliveryAttempts() == 0 {
		d.MaxDeliveryAttempts = 5
	}
	if r := c.GetRetryPolicy(); r != nil {
		if r.GetMinimumBackoff() == nil {
			r.MinimumBackoff = durationpb.New(min(defaultBackoff, orElse(r.GetMaximumBackoff(), maxBackoff)))
		}
		if r.GetMaximumBackoff() == nil {
			r.MaximumBackoff = durationpb.New(maxBackoff)
		}
	}
}

func orElse(d *durationpb.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return d.AsDuration()
}
