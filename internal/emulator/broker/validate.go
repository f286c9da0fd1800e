package broker

import (
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"spillway/internal/emulator/filter"
)

// The service's limits. Sizes are in bytes.
const (
	MaxPublishMessages = 1000
	MaxPublishBytes    = 10_000_000
	maxAttributes      = 100
	maxAttributeName   = 256
	maxAttributeValue  = 1024
	maxOrderingKey     = 1024
	maxLabels          = 64
)

const (
	minRetention     = 10 * time.Minute
	maxRetention     = 31 * 24 * time.Hour
	defaultRetention = 7 * 24 * time.Hour
	defaultDeadline  = 10 // seconds
	maxDeadline      = 600
	maxBackoff       = 600 * time.Second
	defaultBackoff   = 10 * time.Second
)

func codeOf(err error) codes.Code { return status.Code(err) }

func validateTopic(c *pubsubpb.Topic) error {
	if err := TopicName("name", c.GetName()); err != nil {
		return err
	}
	if c.GetSchemaSettings() != nil {
		return unimplemented("Topic.schema_settings")
	}
	if c.GetIngestionDataSourceSettings() != nil {
		return unimplemented("Topic.ingestion_data_source_settings")
	}
	if len(c.GetMessageTransforms()) > 0 {
		return unimplemented("Topic.message_transforms")
	}
	if err := atMost("labels count", len(c.GetLabels()), maxLabels); err != nil {
		return err
	}
	return validateRetention("message_retention_duration", c.GetMessageRetentionDuration())
}

// validateSubscription checks a configuration and returns its filter, nil for none.
func validateSubscription(c *pubsubpb.Subscription) (filter.Filter, error) {
	if err := SubscriptionName("name", c.GetName()); err != nil {
		return nil, err
	}
	if err := validateExports(c); err != nil {
		return nil, err
	}
	if d := c.GetAckDeadlineSeconds(); d != 0 && (d < defaultDeadline || d > maxDeadline) {
		return nil, invalid("Invalid ack_deadline_seconds: %d. It must be 0 or from %d to %d.", d, defaultDeadline, maxDeadline)
	}
	if err := validateRetention("message_retention_duration", c.GetMessageRetentionDuration()); err != nil {
		return nil, err
	}
	if err := atMost("labels count", len(c.GetLabels()), maxLabels); err != nil {
		return nil, err
	}
	if err := validatePolicies(c); err != nil {
		return nil, err
	}
	return parseFilter(c.GetFilter())
}

func validateExports(c *pubsubpb.Subscription) error {
	switch {
	case c.GetBigqueryConfig() != nil:
		return unimplemented("Subscription.bigquery_config")
	case c.GetCloudStorageConfig() != nil:
		return unimplemented("Subscription.cloud_storage_config")
	case c.GetBigtableConfig() != nil:
		return unimplemented("Subscription.bigtable_config")
	case len(c.GetMessageTransforms()) > 0:
		return unimplemented("Subscription.message_transforms")
	}
	return nil
}

func validatePolicies(c *pubsubpb.Subscription) error {
	if d := c.GetDeadLetterPolicy(); d != nil {
		if n := d.GetMaxDeliveryAttempts(); n != 0 && (n < 5 || n > 100) {
			return invalid("Invalid dead_letter_policy.max_delivery_attempts: %d. It must be 0 or from 5 to 100.", n)
		}
	}
	if r := c.GetRetryPolicy(); r != nil {
		minimum, maximum := r.GetMinimumBackoff().AsDuration(), r.GetMaximumBackoff().AsDuration()
		if minimum < 0 || minimum > maxBackoff || maximum < 0 || maximum > maxBackoff {
			return invalid("Invalid retry_policy: minimum_backoff and maximum_backoff must be from 0 to 600 seconds.")
		}
		if r.GetMaximumBackoff() != nil && maximum < minimum {
			return invalid("Invalid retry_policy: maximum_backoff is shorter than minimum_backoff.")
		}
	}
	if p := c.GetPushConfig(); p.GetPushEndpoint() != "" {
		if !strings.HasPrefix(p.GetPushEndpoint(), "http://") && !strings.HasPrefix(p.GetPushEndpoint(), "https://") {
			return invalid("Invalid push_config.push_endpoint: %q. It must be an http or https URL.", clip(p.GetPushEndpoint()))
		}
		if c.GetEnableExactlyOnceDelivery() {
			return invalid("Invalid enable_exactly_once_delivery: push subscriptions do not support it.")
		}
	}
	return nil
}

func validateRetention(field string, d *durationpb.Duration) error {
	if d == nil {
		return nil
	}
	if err := d.CheckValid(); err != nil || d.AsDuration() < minRetention || d.AsDuration() > maxRetention {
		return invalid("Invalid %s: it must be from 10 minutes to 31 days.", field)
	}
	return nil
}

func parseFilter(text string) (filter.Filter, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no filter is not an error
	}
	f, err := filter.Parse(text)
	if err != nil {
		return nil, invalid("Invalid filter: %v.", err)
	}
	return f, nil
}

func unimplemented(what string) error {
	return status.Errorf(codes.Unimplemented, "%s is not implemented by this emulator.", what)
}
